"""Attribute values that a text implies without stating them."""
