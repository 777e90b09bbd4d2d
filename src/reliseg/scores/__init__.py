"""Scores: logits -> one confidence per pixel, higher where the model is more confident."""

from reliseg.scores.base import SCORES, ModelScore, Score, score_of_rows

__all__ = ["SCORES", "ModelScore", "Score", "score_of_rows"]
