"""The Neo4j schema, oldest first."""
