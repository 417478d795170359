"""From product text to mentions. `sequence` serves (ONNX, no torch); `network` and `crf` are for training."""
