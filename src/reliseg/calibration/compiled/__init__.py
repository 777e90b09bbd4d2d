"""What methods compute, compiled by numba, which is imported with these modules."""
