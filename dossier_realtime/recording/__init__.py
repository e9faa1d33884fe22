"""The recording of a node: the journal's format, its proof, and queries of it. Pure."""
