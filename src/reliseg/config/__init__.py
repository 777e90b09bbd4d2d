"""The language of configurations: read, checked, and written back with every default."""
