"""Files of pictures: which are read, whether they are whole, and how many are in memory at a time."""
