"""Logits at full resolution that are computed some rows at a time."""
