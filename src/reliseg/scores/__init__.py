"""Scores: logits -> one confidence per pixel, higher where the model is more confident."""

from reliseg.scores.base import SCORES, Score

__all__ = ["SCORES", "Score"]
