"""Undo of one author among the edits of others."""
