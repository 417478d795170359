"""Proposed changes: discussed, then decided by another person."""
