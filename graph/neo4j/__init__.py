"""The store in Neo4j; nobody else talks to the driver."""
