"""Tokens, keys, secrets, certificates and private files."""
