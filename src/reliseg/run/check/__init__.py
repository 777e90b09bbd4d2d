"""Everything that can be wrong before a long run."""
