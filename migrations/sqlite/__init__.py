"""The SQLite schema, oldest first."""
