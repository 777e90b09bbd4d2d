"""What a user may write: read, checked, and written back with every default."""
