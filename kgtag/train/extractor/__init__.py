"""Fine-tuning of the sequence extractor, from annotated products to a model directory."""
