"""The history of a taxonomy: versions, differences, releases, and external edits."""
