"""Weights as they are on a disk: whole or in parts; nothing in one of them runs."""
