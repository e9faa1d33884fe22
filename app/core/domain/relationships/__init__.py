"""Relationships: the words about their health."""
