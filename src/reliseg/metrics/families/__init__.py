"""One metric family per file: the file's name is the name in configurations."""
