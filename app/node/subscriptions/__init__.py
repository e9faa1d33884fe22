"""The channels of a node: their members, joining and leaving them, catching up on missed events."""
