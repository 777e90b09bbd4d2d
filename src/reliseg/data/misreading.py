"""Signs that masks mean something else than their label map says: much void, and ids that another map explains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from math import gcd
from typing import TypeAlias

import numpy as np

from reliseg.data.base import DataSet
from reliseg.data.label_table import read_label_map
from reliseg.data.spec import dataset_names, read_spec
from reliseg.errors import shortlist
from reliseg.labels import UNKNOWN, VOID, LabelMap, LabelSpace, label_space
from reliseg.types import Int64, Truth, UInt8, UInt16

_Candidate: TypeAlias = tuple[Int64[np.ndarray, " ids"], str]
"""A label map's table, and what to say of masks that it explains."""

_MUCH_VOID = 0.6
"""The share of void pixels above which a domain is mentioned."""
_FEW_IDS = 3
"""So many different ids, and a larger one, are needed before they look like anything: 0 to 3 are void in raw masks."""
_MANY_IDS = 5
"""So many are needed where the label map gives a class to all of them."""
_NEARLY_ALL = 0.8
"""Of the indices, so many have a color of the label space in a mask whose colors are meant: not that of void."""
_FEW_STEPS = 100
"""So many changes of the id along rows are needed before they tell anything."""
_MANY_STEPS = 0.5
"""The share of neighbours with two ids beyond which they tell nothing."""
_BLURRED = 0.2
"""The share of these changes that go through an id in between, where ids were interpolated."""
_CLEARLY = 0.25
"""Another map must give a class to so many more of the pixels."""
_ROWS = 64


def void_note(dataset: DataSet, void: int, pixels: int, of: str) -> str:
    """Return a line about a domain of which so many pixels are void; empty where that is nothing to mention.

    Much is over 60 %, or over twice the `usual_void` of the data set's spec. `of` names the pixels.
    """
    usual = dataset.usual_void
    limit = _MUCH_VOID if usual is None else max(min(_MUCH_VOID, 2 * usual), usual)
    if pixels == 0 or void <= limit * pixels:
        return ""
    compared = "" if usual is None else f" ({_percent(usual)} are usual)"
    return f"{_percent(void / pixels)} of the pixels of {of} are void{compared}, and count nowhere"


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


@dataclass(frozen=True, eq=False)
class CountedMap(LabelMap):
    """A label map that also counts the raw ids of the one mask that it is used on, even where it refuses them."""

    counts: Int64[np.ndarray, " ids"]
    steps: Int64[np.ndarray, "3"]
    """Pairs of neighbours in a row, those of two ids, and pixels between two others whose id lies between theirs."""

    @classmethod
    def around(cls, label_map: LabelMap) -> "CountedMap":
        """Return the same map, with no ids counted yet."""
        return cls(label_map.table, np.zeros(len(label_map.table), np.int64), np.zeros(3, np.int64))

    def __call__(self, raw: UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]) -> Truth:
        """Count raw ids and map them."""
        self.counts[:] += id_counts(raw, len(self.counts))
        self.steps[:] += _steps(raw)
        return super().__call__(raw)


def id_counts(ids: UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"], number: int) -> Int64[np.ndarray, " ids"]:
    """Return how many pixels have each of so many ids."""
    counts = np.zeros(number, np.int64)
    for start in range(0, len(ids), _ROWS):  # NumPy counts a copy in 64 bits
        counts += np.bincount(ids[start : start + _ROWS].ravel(), minlength=number)
    return counts


def _steps(ids: UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]) -> Int64[np.ndarray, "3"]:
    """Return the counts of `CountedMap.steps` for one mask."""
    steps = np.zeros(3, np.int64)
    for start in range(0, len(ids), _ROWS):
        rows = ids[start : start + _ROWS]
        up, down = rows[:, 1:] > rows[:, :-1], rows[:, 1:] < rows[:, :-1]
        between = (up[:, 1:] & up[:, :-1]) | (down[:, 1:] & down[:, :-1])
        steps += np.array([up.size, (up | down).sum(), between.sum()], np.int64)
    return steps


def blurred_reading(counted: CountedMap) -> str:
    """Return that ids were interpolated, if many lie between those at their sides; empty where they do not.

    Of CamVid's steps from id to id under 3 % are such, made 20 times smaller 10 %; after any interpolation, or as JPEG,
    they are 22 to 66 %. Where most neighbours differ, nothing can be told.
    """
    pairs, steps, between = counted.steps.tolist()
    if steps < _FEW_STEPS or steps > _MANY_STEPS * pairs or between <= _BLURRED * steps:
        return ""
    return (
        "ids at the edges of areas lie between those at both sides, as if masks were resized with interpolation, or "
        "saved as JPEG: such pixels have wrong classes; resize masks of ids to the nearest neighbour"
    )


def other_reading(dataset: DataSet, counted: CountedMap) -> str:
    """Return what the ids of a mask look like, and what to do; empty where they look like what their map says."""
    ids = np.flatnonzero(counted.counts)
    ids = ids[ids != VOID]
    if len(ids) < _FEW_IDS:
        return ""
    known, missed = _shares(counted.table, counted.counts)
    is_identity = _is_identity(counted.table, dataset.labels)
    if is_identity and ids[-1] >= len(dataset.labels):
        for table, text in _shipped_maps(dataset.labels.classes):
            other, unlisted = _shares(table, counted.counts)
            if not unlisted and other > known:
                return text
    if missed or 1 - known > _CLEARLY:
        for table, text in _candidates(dataset.labels):
            other, unlisted = _shares(table, counted.counts)
            if ids[-1] > _FEW_IDS and not unlisted and other >= known + (0 if missed else _CLEARLY):
                return text
        return _scaled(ids, len(dataset.labels))
    if len(ids) >= _MANY_IDS and is_identity:
        for table, text in _shipped_maps(dataset.labels.classes):
            if ((table[ids] >= 0) & (table[ids] < UNKNOWN) & (table[ids] != ids)).all():
                return text
    return ""


def palette_reading(dataset: DataSet, counted: CountedMap, colors: UInt8[np.ndarray, "colors 3"] | None, /) -> str:
    """Return what the palette of a mask says, if that is something else than its indices under their map say.

    Programs that write few colors as a palette number them as they come.
    """
    labels, used = dataset.labels, np.flatnonzero(counted.counts).tolist()
    if colors is None or not labels.has_own_palette:
        return ""
    meant: dict[tuple[int, ...], set[int]] = {}
    for i, color in enumerate(labels.palette):
        meant.setdefault(color, set()).add(i)
    said = {i: meant[color] for i in used if i < len(colors) and (color := tuple(colors[i].tolist())) in meant}
    wrong = [i for i, classes in said.items() if counted.table[i] not in classes]
    if len(said) < _FEW_IDS or len(said) < _NEARLY_ALL * len(used) or 2 * len(wrong) <= len(said):
        return ""
    return (
        f"the palette has the colors of {labels.name} at the indices of other classes: if the colors are right, set "
        "encoding: color in label_map"
    )


def _shares(table: np.ndarray, counts: Int64[np.ndarray, " ids"]) -> tuple[float, float]:
    """Return which share of the pixels belongs to a class or is unknown, and which one is listed nowhere."""
    roles, total = table[: len(counts)], counts.sum()
    return float(counts[(roles >= 0) & (roles != VOID)].sum() / total), float(counts[roles < 0].sum() / total)


def _candidates(labels: LabelSpace) -> Iterator[_Candidate]:
    """Yield other label maps that masks may have been made for, with what to say then."""
    n = len(labels)
    own = {i: i for i in range(n)}
    yield (
        _table(own, {VOID}),
        f"all ids are 0 to {n - 1} or {VOID}: these look like train ids, the ids of {labels.name} itself; set known: "
        "identity in label_map, or give the mask files of raw ids",
    )
    yield from _shipped_maps(labels.classes)
    yield (
        _table({i + 1: i for i in own}, {0, VOID}),
        f"all ids are 0 to {n}: these look like ids from 1, with 0 for void; set known: {{1: 0, 2: 1, ..}} and void: "
        f"[0, {VOID}] in label_map",
    )


def _table(known: Mapping[int, int], void: set[int]) -> Int64[np.ndarray, " ids"]:
    return LabelMap.of(known, void=void).table.astype(np.int64)


@cache
def _shipped_maps(classes: tuple[str, ...]) -> tuple[_Candidate, ...]:
    """Return the label maps of the specs that ship whose masks hold other ids than those of these classes."""
    names: dict[bytes, list[str]] = {}
    for name in dataset_names():
        spec = read_spec(name)
        labels = label_space(spec.labels)
        _, label_map = read_label_map(name, spec.label_map, labels, None)
        if isinstance(label_map, LabelMap) and not _is_identity(label_map.table, labels) and labels.classes == classes:
            names.setdefault(label_map.table.astype(np.int64).tobytes(), []).append(name)
    text = "these look like the raw ids of {}; use the label_map of that spec, or mask files of train ids"
    return tuple((np.frombuffer(table, np.int64), text.format(" or ".join(n))) for table, n in names.items())


def _is_identity(table: np.ndarray, labels: LabelSpace) -> bool:
    return np.array_equal(table[: len(labels)], np.arange(len(labels)))


def _scaled(ids: Int64[np.ndarray, " k"], classes: int) -> str:
    """Return that ids are spread out, as if masks had been made to be looked at; empty where they are not."""
    positive = [int(i) for i in ids if i > 0]
    factor = reduce(gcd, positive)
    if factor > 1 and positive[-1] // factor <= classes and len(positive) >= _FEW_IDS:
        return (
            f"all ids are multiples of {factor} ({shortlist([str(i) for i in positive])}): these look like ids times "
            f"{factor}, made to be seen; give the mask files of ids, or list these in known"
        )
    for steps in (classes - 1, classes, classes + 1):
        spread = {f(255 * k / steps) for k in range(steps + 1) for f in (int, round)}
        if len(positive) >= _FEW_IDS and set(positive) <= spread and positive[-1] > classes:
            return (
                f"the ids {shortlist([str(i) for i in positive])} are spread over 0 to 255: these look like ids times "
                "a factor, made to be seen; give the mask files of ids, or list these in known"
            )
    return ""
