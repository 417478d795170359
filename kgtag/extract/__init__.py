"""From product text to mentions. `sequence` serves (ONNX, no torch)."""
