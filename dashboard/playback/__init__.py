"""Recordings: replay into the dashboard's state, the player of them, and figures for notebooks."""
