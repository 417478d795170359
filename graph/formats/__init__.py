"""Readers and writers of taxonomies, one module per format. A reader gives `Parsed`; `graph.importing` stores it."""
