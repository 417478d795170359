"""What mends each problem that hand edits leave: Cypher or SQL to paste."""
