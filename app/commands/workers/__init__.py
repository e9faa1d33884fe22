"""`serve --workers N`: several processes of the service on one port, and the process that looks after them.

The kernel shares new connections out among the workers (SO_REUSEPORT). The parent serves nobody and keeps nothing: all
that workers share is in the store. Each worker is a node with a name and a journal of its own, in the same folder.
A worker ends when the pipe at its standard input is closed, which the kernel does however the parent ends.
"""
