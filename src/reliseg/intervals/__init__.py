"""How sure a number is: intervals and comparisons over units (images or scenes) that are left out one by one."""

from reliseg.intervals.comparison import Comparison, compare, holm
from reliseg.intervals.jackknife import LEVEL, Interval, Spread, jackknife
from reliseg.intervals.many import Asked, jackknives
from reliseg.intervals.scale import Link, Scale

__all__ = [
    "LEVEL",
    "Asked",
    "Comparison",
    "Interval",
    "Link",
    "Scale",
    "Spread",
    "compare",
    "holm",
    "jackknife",
    "jackknives",
]
