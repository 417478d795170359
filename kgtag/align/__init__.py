"""Alignment of two schemes: proposed matches, with scores and evidence."""
