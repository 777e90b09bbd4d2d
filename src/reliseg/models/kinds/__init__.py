"""One kind of model per file: the file's name is the kind in configurations."""
