"""Maps that are computed some rows at a time: resized, of windows, of masks, of several predictions."""
