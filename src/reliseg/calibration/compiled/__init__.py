"""CompiledTransform forms of what methods compute; numba is imported with these modules."""
