"""TCP connections: accepted, bounded by address and process, closed so that the last answer arrives."""
