"""The event log in SQLite, and all that is committed with an event."""
