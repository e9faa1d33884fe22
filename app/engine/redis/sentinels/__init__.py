"""The master that sentinels name, and the way to it."""
