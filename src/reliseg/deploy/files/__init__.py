"""Predictions of a folder of images as files, which a killed process goes on with."""
