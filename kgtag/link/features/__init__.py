"""Features of candidate concepts."""
