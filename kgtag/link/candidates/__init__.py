"""Candidate generation: which label texts a query is compared with."""
