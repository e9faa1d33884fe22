"""The engine of a service that is one process: everything in one SQLite file and in memory."""
