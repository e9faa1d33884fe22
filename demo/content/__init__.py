"""People, entities and texts that the demo works with."""
