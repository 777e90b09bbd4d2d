"""The best numbers, where that is decided."""

import math
from collections.abc import Callable, Sequence

from reliseg.report.compare.difference import difference_of
from reliseg.report.quantities import known_quantities
from reliseg.results import Row
from reliseg.results.replicates import Lefts


def decided_best(rows: Sequence[Row], lefts: Callable[[Row], Lefts | None]) -> list[Row]:
    """Return the best of these numbers of one metric, or several that are equal; none where it is not decided.

    It is where the 95 % interval of the difference to the next best, paired on the same images, excludes 0 and nothing
    is in doubt.
    """
    quantity = known_quantities().get(rows[0].metric) if rows else None
    known = [row for row in rows if not math.isnan(row.value)]
    if quantity is None or quantity.better == "neither" or len({row.value for row in known}) < 2:
        return []
    known.sort(key=lambda row: row.value, reverse=quantity.better == "higher")
    best = [row for row in known if row.value == known[0].value]
    second = known[len(best)]
    return best if all(_is_decided(row, second, lefts) for row in best) else []


def _is_decided(row: Row, second: Row, lefts: Callable[[Row], Lefts | None]) -> bool:
    found = difference_of(row, second, lefts(row), lefts(second))
    return found.paired and not found.note and (found.low > 0 or found.high < 0)
