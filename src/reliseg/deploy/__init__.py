"""A model with its fitted calibration at work: on images, on logits, in files."""
