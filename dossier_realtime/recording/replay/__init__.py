"""The state, the frames and the documents of a recording at any time. Pure."""
