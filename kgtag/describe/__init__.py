"""Product descriptions from tags: nothing is said that no tag says."""
