"""Capabilities of the domain that are kept as records: one module each."""
