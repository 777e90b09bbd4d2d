"""A model with its calibration as one graph in a file, which runs without this package."""
