"""The store in Neo4j, the only user of its driver."""
