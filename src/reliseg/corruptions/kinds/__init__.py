"""The corruptions: a file's name is what users write."""
