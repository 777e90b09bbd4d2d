"""The fused kernel of the GPU, compiled by Triton."""
