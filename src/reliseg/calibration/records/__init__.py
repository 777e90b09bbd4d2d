"""Fitted calibrations and their thresholds as files."""
