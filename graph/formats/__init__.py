"""Readers and writers of taxonomy files, one module per format. `graph.importing` stores what readers return."""
