"""When the thread that writes the journal wakes."""
