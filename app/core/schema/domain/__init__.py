"""The HTTP calls of capabilities of the domain: one module each."""
