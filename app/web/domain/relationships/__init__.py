"""The calls about relationships."""
