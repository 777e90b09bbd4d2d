"""The way from a network's logits to calibrated maps as modules of torch, one for each kind of calibration."""
