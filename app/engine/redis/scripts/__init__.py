"""Lua scripts that run in Redis, one a file: each says its keys, arguments, reply and guarantee at its head."""
