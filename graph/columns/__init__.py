"""The snapshot's core: a taxonomy as columns, and what is derived of it at once rather than row by row."""
