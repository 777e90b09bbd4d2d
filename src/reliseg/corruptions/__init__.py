"""Corruptions: an image in, a corrupted image of the same size out; the same bytes on any machine, in any order."""

from reliseg.corruptions.base import CORRUPTIONS, SEVERITIES, Corruption, DepthCorruption, Metres
from reliseg.corruptions.choice import GROUPS, chosen_kinds, in_order, known_kind, known_severity, parse_corruption
from reliseg.corruptions.corrupted import Corrupted

__all__ = [
    "CORRUPTIONS",
    "GROUPS",
    "SEVERITIES",
    "Corrupted",
    "Corruption",
    "DepthCorruption",
    "Metres",
    "chosen_kinds",
    "in_order",
    "known_kind",
    "known_severity",
    "parse_corruption",
]
