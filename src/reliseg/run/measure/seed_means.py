"""The mean over the seeds of a calibration, and the spread: what remains of luck in one seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import mean, stdev

from reliseg.results import NAN, Row
from reliseg.run.measure.numbers import Number, mean_number


def with_means(
    numbers: Mapping[str, Sequence[Number]], means: Mapping[str, Sequence[str]]
) -> Iterator[Sequence[Number]]:
    """Yield the numbers of each calibration of one domain, and after the last of its seeds those of each mean."""
    names = list(numbers)
    last = {name: max(names.index(part) for part in parts) for name, parts in means.items()}
    for i, name in enumerate(names):
        yield numbers[name]
        for of_seeds in (m for m, at in last.items() if at == i):
            yield _means(of_seeds, [numbers[part] for part in means[of_seeds]])


def _means(calibration: str, seeds: Sequence[Sequence[Number]]) -> list[Number]:
    by_key = [{_number(number.row): number for number in of_seed} for of_seed in seeds]
    rows = mean_rows(calibration, [[number.row for number in of_seed] for of_seed in seeds])
    return [mean_number(row, [same[_number(row)] for same in by_key if _number(row) in same]) for row in rows]


def mean_rows(calibration: str, seeds: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """Yield a row for each number of the first seed: mean of the values and of both ends of their brackets.

    `spread` is the standard deviation over the seeds (n - 1). Null where it is null for any seed.
    """
    others = [{_number(row): row for row in rows} for rows in seeds[1:]]
    for row in seeds[0]:
        same = [row, *(rows[_number(row)] for rows in others if _number(row) in rows)]
        yield _mean(replace(row, calibration=calibration, seed=None), same, len(seeds))


def _mean(row: Row, same: Sequence[Row], seeds: int) -> Row:
    reasons = [r.why for r in same if r.why]
    if reasons or len(same) < seeds:
        missing = len(reasons) + seeds - len(same)
        reason = reasons[0] if reasons else "not measured"
        why = reason if missing == seeds else f"for {missing} of {seeds} seeds: {reason}"
        return replace(row, value=NAN, lo=NAN, hi=NAN, spread=NAN, why=why)
    values = [r.value for r in same]
    lo, hi = mean(r.lo for r in same), mean(r.hi for r in same)
    return replace(row, value=mean(values), lo=lo, hi=hi, spread=stdev(values))


def _number(row: Row) -> tuple[str, ...]:
    """Return what tells a number from the others of one calibration and domain."""
    return row.fitted_on, row.score, row.metric, row.class_, row.definition
