"""The store in Redis as rows, to be moved to another engine."""
