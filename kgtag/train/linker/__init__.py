"""Training of the linker: queries a taxonomy can ask of itself, annotators' links, and the weights they give."""
