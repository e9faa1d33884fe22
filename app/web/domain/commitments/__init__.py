"""Commitments over HTTP."""
