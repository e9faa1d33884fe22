"""One file a page: a pure function from the state and who looks to blocks."""
