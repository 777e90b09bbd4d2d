"""Exported graphs: the images that they take; those in ONNX, their files, sessions and predictions."""
