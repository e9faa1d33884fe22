"""Places in a text that move with it."""
