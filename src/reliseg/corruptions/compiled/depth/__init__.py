"""How far everything is, and what the air between does: compiled for numba like what stands beside it."""
