"""The verdict: three sentences from the numbers, as HTML."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isnan, nan
from statistics import mean, median
from typing import Any, NamedTuple

from reliseg.report.compare.difference import Difference
from reliseg.report.page.curve_data import mean_gap
from reliseg.report.page.differences import Differences, are_decided, overlap
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import Names, State, Table, by_state
from reliseg.results import Row

_ECE_SCORE = "msp"


def verdict(table: Table, runs: Sequence[RunFiles], names: Names) -> str:
    """Return the list items: what falls under shift, where confidence lies, what calibration repairs."""
    gaps = {
        state: gap
        for state, records in by_state(table, runs, names, RunFiles.placed_curves).items()
        if (gap := mean_gap(records[0])) is not None
    }
    differences = Differences(table, runs)
    sentences = (
        ("Under shift", _shift(table, differences)),
        ("Confidence", _confidence(table, gaps)),
        ("Calibration", _calibration(table, differences)),
    )
    return "\n".join(f'<li><span class="about">{about}</span> <span>{text}</span></li>' for about, text in sentences)


def _shift(table: Table, differences: Differences) -> str:
    """Return what falls under shift, by how much, and whether the best model is decided."""
    base = _base(table)
    found = [(state, row) for state in _states(table, base) if (row := table.row(state, "miou"))]
    if not found:
        return "mIoU was not measured, so nothing can be said about what falls."
    shifted = [(state, row) for state, row in found if state.domain in table.references]
    drops = [(drop, state) for state, _ in shifted if (drop := _drop(table, state)) is not None]
    if not drops:
        low, high = min(row.value for _, row in found), max(row.value for _, row in found)
        return (
            f"no reference domain was named, so no drop is known. mIoU lies between <b>{_text(low)}</b> and "
            f"<b>{_text(high)}</b>; name one in the configuration: <code>test: {{reference: ..}}</code>."
        )
    drop, state = max(drops, key=lambda pair: pair[0].value)
    fall = drop.value
    row, origin = table.states[state]["miou", ""], table.references[state.domain]
    before = table.row(State(state.model, origin, base), "miou")
    start = f" from <b>{_text(before.value)}</b> on {_name(origin)}" if before else ""
    if fall > 0:
        sentence = f"mIoU of {_name(state.model)} falls{start} to <b>{_text(row.value)}</b> on {_name(state.domain)}, "
        sentence += f"by {_text(fall)}{drop.interval()}"
    else:
        sentence = f"mIoU falls on no domain; the smallest rise is {_text(-fall)}{drop.turned().interval()}, "
        sentence += f"{_name(state.model)} on {_name(state.domain)}"
    sentence += ", which may be chance" if drop.may_be_chance else ""
    if len(drops) > 1:
        others = median(d.value for d, _ in drops)
        which = ": the largest" if fall > 0 else ", the smallest"
        kind = "fall" if others > 0 else "rise"
        sentence += f"{which} of {len(drops)} changes, whose median is a {kind} of {_text(abs(others))}"
    return f"{sentence}. {_best(differences, state.domain, base)}"


def _best(differences: Differences, domain: str, base: str) -> str:
    """Return which model is best on a domain, and whether that is decided: by the differences on the same images, or,
    where a run does not keep them, by intervals that overlap.
    """
    table = differences.table
    states = [State(m, domain, base) for m in table.models]
    found = sorted(((row, s) for s in states if (row := table.row(s, "miou"))), key=lambda pair: -pair[0].value)
    if len(found) < 2:
        return ""
    (first, best), (_, next_) = found[:2]
    leads = [lead for _, other in found[1:] if (lead := differences.between(best, other, "miou"))]
    there = f"Best there is {_name(best.model)} with {_value(first)}"
    decided = are_decided(leads)
    if decided[0] is None:
        return f"{there}; {_by_overlap([row for row, _ in found], next_.model)}"
    ahead = f"its lead over {_name(next_.model)} is {_difference(leads[0])}"
    if all(decided):
        return f"{there}; the ranking is decided: {ahead}."
    near = sum(not d for d in decided) - (not decided[0])
    others = f", and {near} other{'s are' if near > 1 else ' is'} as near" if near else ""
    return f"{there}; the ranking is <b>not decisive</b>: {ahead}{others}."


def _by_overlap(rows: Sequence[Row], next_: str) -> str:
    """Return whether the first of these numbers, the best first, is decided, from their intervals."""
    meets = [overlap(rows[0], row) for row in rows[1:]]
    if meets[0] is None:
        return "without intervals it is open whether the ranking is decisive."
    if equal := sum(bool(m) for m in meets):
        those = f"that of {_name(next_)}" if equal == 1 else f"those of {equal} others"
        return f"the ranking is <b>not decisive</b>: its interval and {those} overlap."
    return "no other interval reaches it."


def _confidence(table: Table, gaps: Mapping[State, tuple[float, float]]) -> str:
    """Return where confidence lies against accuracy before calibration."""
    base = _base(table)
    states = [s for s in _states(table, base) if table.row(s, "ece", _ECE_SCORE)]
    if not states:
        return "ECE was not measured, so nothing can be said about confidence."
    worst = max(states, key=lambda s: table.states[s]["ece", _ECE_SCORE].value)
    ece = table.states[worst]["ece", _ECE_SCORE]
    where = f"{_name(worst.model)} on {_name(worst.domain)}"
    known = [s for s in states if s in gaps]
    if worst not in gaps:
        return f"it lies farthest from accuracy for {where}: ECE <b>{_value(ece)}</b>."
    confidence, accuracy = gaps[worst]
    kind = "overconfident" if confidence > accuracy else "underconfident"
    over = sum(gaps[s][0] > gaps[s][1] for s in known)
    if len(known) == 1:
        many = ""
    elif over in (0, len(known)):
        many = f"mean confidence lies {'above' if over else 'below'} accuracy in all {len(known)} cases. "
    else:
        many = f"mean confidence lies above accuracy in {over} of {len(known)} cases. "
    start = "The largest error" if many else "the error"
    return (
        f"{many}{start} before calibration is that of {where}, <b>{kind}</b>: confidence {_text(confidence)} against "
        f"accuracy {_text(accuracy)}, ECE <b>{_value(ece)}</b>."
    )


def _calibration(table: Table, differences: Differences) -> str:
    """Return which calibration lowers ECE most, where it does not, and what is left."""
    base = _base(table)
    changes = {c: _changes(table, base, c) for c in table.calibrations if c != base}
    changes = {c: pairs for c, pairs in changes.items() if pairs}
    if not changes:
        example = "<code>calibration: [{on: [..], methods: [ts]}]</code>"
        return f"none was fitted; ask for one to see what it repairs: {example}."
    best = min(changes, key=lambda c: mean(after.value - before.value for _, before, after in changes[c]))
    pairs = changes[best]
    lower = sum(after.value < before.value for _, before, after in pairs)
    means = [mean(row.value for row in rows) for rows in list(zip(*pairs, strict=True))[1:]]
    state, before, after = min(pairs, key=lambda pair: pair[2].value - pair[1].value)
    left = max(pairs, key=lambda pair: pair[2].value)
    sentence = _on_average(best, lower, len(pairs), means)
    if after.value < before.value:
        change = differences.between(state._replace(calibration=best), state, "ece", _ECE_SCORE)
        sentence += "; most" if means[1] < means[0] else ", most"
        sentence += f" for {_where(state)}, from {_value(before)} to <b>{_value(after)}</b>"
        sentence += _decided(change, before, after)
    return f"{sentence}. The largest ECE left is {_value(left[2])}, {_where(left[0])}."


def _on_average(calibration: str, lower: int, cases: int, means: Sequence[float]) -> str:
    """Return what ECE becomes on average, and in how many cases it is lower."""
    name, change = _name(calibration), f"{_text(means[0])} becomes <b>{_text(means[1])}</b>"
    if cases == 1:
        return f"{name} {'lowers' if lower else 'does not lower'} ECE: {change}"
    if means[1] < means[0]:
        return f"{name} lowers ECE in {lower} of {cases} cases: on average {change}"
    where = f"in {lower}" if lower else "in none"
    return f"{name} does not lower ECE on average: {change}; it is lower {where} of {cases} cases"


def _decided(change: Difference | None, before: Row, after: Row) -> str:
    """Return that a change is not decided, where that is so."""
    decided = are_decided([change])[0] if change else None
    if change and decided is not None:
        return "" if decided else f", but not decisively: the change is {_difference(change)}"
    return ", and the intervals overlap: not decisive" if overlap(before, after) else ""


def _changes(table: Table, base: str, calibration: str) -> list[tuple[State, Row, Row]]:
    """Return where ECE is known before and after a calibration."""
    pairs = (
        (s, table.row(s, "ece", _ECE_SCORE), table.row(s._replace(calibration=calibration), "ece", _ECE_SCORE))
        for s in _states(table, base)
    )
    return [(state, before, after) for state, before, after in pairs if before and after]


class _Drop(NamedTuple):
    """How far mIoU falls, and the ends of its interval: NaN where there is none."""

    value: float
    low: float = nan
    high: float = nan

    def turned(self) -> "_Drop":
        """Return it as a rise."""
        return _Drop(-self.value, -self.high, -self.low)

    @property
    def may_be_chance(self) -> bool:
        """Tell if its interval contains 0."""
        return self.low <= 0 <= self.high

    def interval(self) -> str:
        """Return its interval as text; "" where there is none."""
        return _ends(self.low, self.high)


def _drop(table: Table, state: State) -> _Drop | None:
    """Return how far mIoU falls; without the row of the drop, the difference alone."""
    if row := table.row(state, "drop_miou"):
        return _Drop(row.value, row.ci_low, row.ci_high)
    before = table.row(state._replace(domain=table.references[state.domain]), "miou")
    after = table.row(state, "miou")
    return _Drop(before.value - after.value) if before and after else None


def _base(table: Table) -> str:
    """Return the calibration that others are compared with."""
    return next(iter(table.calibrations), "identity")


def _states(table: Table, calibration: str) -> Iterable[State]:
    return (s for s in table.states if s.calibration == calibration)


def _where(state: State) -> str:
    return f"{_name(state.model)} on {_name(state.domain)}"


def _value(row: Row) -> str:
    return f"{_text(row.value)}{_interval(row)}"


def _interval(row: Row) -> str:
    return _ends(row.ci_low, row.ci_high)


def _ends(low: float, high: float) -> str:
    return "" if isnan(low) else f' <span class="interval">({_text(low)} to {_text(high)})</span>'


def _difference(found: Difference) -> str:
    """Return a difference with its interval, over what it is, and why it should not be relied on."""
    same = f"the same {found.units}" if found.paired else found.units
    doubt = f", but in doubt: {escape(found.note)}" if found.note else ""
    return f"{_text(found.value)}{_ends(found.low, found.high)} on {same}{doubt}"


def _text(value: Any, *, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''}.3f}".replace("-", "\N{MINUS SIGN}")


def _name(name: str) -> str:
    return f"<bdi>{escape(name)}</bdi>"
