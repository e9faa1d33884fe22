"""The engine of a service of many processes: everything in Redis, which all of them share.

The server is the truth and pub/sub is a hint: a node counts what it delivers, and reads what it missed.
"""
