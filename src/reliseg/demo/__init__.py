"""The embedded demo: a drawn street world, five weathers and a small network trained on its clear days."""
