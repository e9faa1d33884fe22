"""Commitments: their state, and each change of it. Pure."""
