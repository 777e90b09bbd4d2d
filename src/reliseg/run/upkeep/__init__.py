"""What is done with the folders of runs as wholes: several are merged, and what is not asked for is removed."""
