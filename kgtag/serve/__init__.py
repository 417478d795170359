"""The live snapshot behind a service."""
