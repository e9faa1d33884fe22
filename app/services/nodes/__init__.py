"""Work that the nodes of one service share out, or do for each other, through the store."""
