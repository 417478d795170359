"""Concepts for what people type."""
