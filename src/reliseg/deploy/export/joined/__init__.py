"""A user's ONNX graph between what comes before and after it, as one graph."""
