"""The history of a taxonomy: versions, differences, releases, external edits."""
