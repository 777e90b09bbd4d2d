"""The inner loops of fits and transforms, compiled by numba, which is imported with these modules."""
