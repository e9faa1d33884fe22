"""Metrics and logs. No name of a user or a channel is ever a label."""
