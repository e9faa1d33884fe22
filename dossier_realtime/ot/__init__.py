"""Operational transformation of documents (decisions, section 7): operations, how two of them meet, both halves. Pure.

Every offset and length in this package counts UTF-16 code units.
"""
