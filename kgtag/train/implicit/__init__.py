"""Training of the model of implied values, from annotated values that aren't in the text."""
