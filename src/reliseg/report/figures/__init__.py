"""Figures for papers: which charts the results allow, what each shows, and the files."""
