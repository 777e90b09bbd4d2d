"""Fitting, as methods share it: optimisers, grids, clusters, the columns that count."""
