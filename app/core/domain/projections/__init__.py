"""Records that follow from events: one module a kind."""
