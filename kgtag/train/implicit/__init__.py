"""Training of the model of implicit values, from annotated values that aren't in the text."""
