"""Calibrations fitted on a sample of pixels that one pass keeps."""
