"""Operational transformation of documents: operations, their transformation, the server's and the client's half. Pure.

Source: docs/protocol.md#concurrent-edits.

Every offset and length in this package counts UTF-16 code units.
"""
