"""Where the files of a run lie for others: in its folder itself, or in an object store of which that holds a copy."""
