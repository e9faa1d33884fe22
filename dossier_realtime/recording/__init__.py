"""What happened on a node, provable and replayable: the journal's format, and how it is verified. Pure."""
