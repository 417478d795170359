"""Training of graph embeddings with PyKEEN."""
