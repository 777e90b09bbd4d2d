"""The difference of two numbers, and how sure it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from reliseg.intervals import compare
from reliseg.results import NAN, Row
from reliseg.results.replicates import Lefts, Replicates


@dataclass(frozen=True)
class Difference:
    """A value minus another one: with its 95 % interval and p-value, or why there are none in `note`.

    `note` beside an interval says why it should not be relied on. `paired` is whether both were measured on the same
    images or scenes, `units` how many, like `50 images`; `lo..hi` is the range that the brackets leave.
    """

    value: float
    lo: float
    hi: float
    low: float = NAN
    high: float = NAN
    p: float = NAN
    paired: bool = False
    units: str = ""
    note: str = ""

    def times(self, sign: int) -> "Difference":
        """Return it as it is, or with the sign -1 the difference the other way round."""
        if sign == 1:
            return self
        return replace(self, value=-self.value, lo=-self.hi, hi=-self.lo, low=-self.high, high=-self.low)


Differ = Callable[[Row, Row], Difference]
"""The number of a row minus that of another one; both are defined."""


def have_one_reference(row: Row, other: Row) -> bool:
    """Tell if two rows are compared with the same domain, or one with none: no number that needs one is there then."""
    return not row.reference or not other.reference or row.reference == other.reference


def differ_between(mine: Replicates, theirs: Replicates) -> Differ:
    """Return what tells the difference of a row of one run and a row of another, or of the same one."""
    return lambda row, minus: difference_of(row, minus, mine.of(row), theirs.of(minus))


def difference_of(row: Row, minus: Row, lefts: Lefts | None, others: Lefts | None) -> Difference:
    """Return the number of a row minus that of another one; `lefts` and `others` are what they are without each unit.

    On the same units they are compared pair by pair, else as independent samples.
    """
    plain = Difference(row.value - minus.value, row.lo - minus.hi, row.hi - minus.lo)
    if lefts is None or others is None:
        lacking = row if lefts is None else minus
        return replace(plain, note=lacking.ci_note or "the run keeps nothing of single images for it")
    paired = lefts.are_paired_with(others)
    found = compare(plain.value, lefts.values, others.values, paired=paired, noun=lefts.units[0].kind.removesuffix("s"))
    notes = [found.interval.note, lefts.doubt, others.doubt]
    return replace(
        plain,
        low=found.interval.low,
        high=found.interval.high,
        p=found.p,
        paired=paired,
        units=_units_text(lefts) if paired else f"{_units_text(lefts)} and {_units_text(others)}",
        note="; ".join(dict.fromkeys(filter(None, notes))),
    )


def _units_text(lefts: Lefts) -> str:
    """Return how many units there are: `50 images`, or `50 + 20 images` of a domain and its reference."""
    return f"{' + '.join(str(len(units.names)) for units in lefts.units)} {lefts.units[0].kind}"
