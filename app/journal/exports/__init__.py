"""Signed exports of a journal: selection, redaction and scope."""
