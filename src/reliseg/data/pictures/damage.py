"""Files of pictures that are damaged in a way that their decoder does not notice."""


class DamagedError(Exception):
    """A file that is not as it was written; the text says how it is seen, without the file."""
