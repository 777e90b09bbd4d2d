"""What methods share to fit: optimisers, grids, clusters, the columns that count."""
