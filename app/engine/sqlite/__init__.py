"""SQLite beside an event loop: one thread that writes and checkpoints, one that reads."""
