"""Change sets: their normal order, and their application to a taxonomy's rows and columns."""
