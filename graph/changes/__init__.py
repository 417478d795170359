"""Change sets in normal order, and their application to columns."""
