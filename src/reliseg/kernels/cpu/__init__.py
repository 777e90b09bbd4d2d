"""The fused kernel of the CPU, compiled by numba."""
