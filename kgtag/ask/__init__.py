"""Questions about stored items, answered from their tags and the graph, with citations; without a language model."""
