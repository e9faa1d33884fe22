"""The SQLite file of the embedded engine: tables, mark and online copy."""
