"""Operational transformation of documents: operations, how two of them meet, both halves. Pure.

Source: docs/protocol.md#concurrent-edits.

Every offset and length in this package counts UTF-16 code units.
"""
