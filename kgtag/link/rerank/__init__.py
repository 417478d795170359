"""Models that score a query's candidates."""
