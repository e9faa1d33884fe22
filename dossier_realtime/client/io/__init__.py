"""The I/O of the SDK: sockets, tokens, tasks and the calls of callbacks. Private."""
