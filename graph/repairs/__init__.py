"""Repairs of problems that external edits leave: a Cypher or SQL statement for each."""
