"""Active learning: the products to annotate next."""
