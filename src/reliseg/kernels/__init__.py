"""Kernels that take the statistics of an image: reference, CPU, GPU."""
