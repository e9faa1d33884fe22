"""The effects of a session's decisions that take time: one module a kind of work."""
