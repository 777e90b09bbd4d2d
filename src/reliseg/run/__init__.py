"""A run: plan in, results and a folder out."""
