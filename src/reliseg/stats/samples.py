"""The statistics of single images, for intervals over images, worst images and image-level detection."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np

from reliseg.stats.bins import COARSE_BINS, RELIABILITY_BINS, ROLES, SET_BINS
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import carry, limbs, total
from reliseg.stats.pixels import ClassWise, Layout
from reliseg.types import Int32, Int64

LABEL_BINS = fine_bins("msp").coarse_size
"""Coarse bins of confidence by label: those of msp that may hold pixels."""


@dataclass(frozen=True, eq=False)
class SampleTable:
    """One row per image, in the order of ids. Merging is the union of rows, so its law is that of sets.

    Scores are in the layout's order; roles are wrong, right, unknown, void; sums are two limbs. What bears no other
    name counts known pixels.
    """

    ids: tuple[str, ...]
    pixels: Int64[np.ndarray, "n 4"]
    confusion: Int64[np.ndarray, "n t y"]
    label_counts: Int64[np.ndarray, "n t b"]
    """By label and bin of top-label confidence: pixels, right ones, and their confidence."""
    label_right: Int64[np.ndarray, "n t b"]
    label_confidence: Int64[np.ndarray, "n t b 2"]
    guess_counts: Int64[np.ndarray, "n y b"]
    """By prediction and bin of top-label confidence: pixels, and their confidence."""
    guess_confidence: Int64[np.ndarray, "n y b 2"]
    uncounted: Int64[np.ndarray, "n y"]
    """Pixels that are not known by prediction, and their confidence."""
    uncounted_confidence: Int64[np.ndarray, "n y 2"]
    confident: Int64[np.ndarray, "n t 2"]
    """Confident errors by label, above 0.90 and above 0.99."""
    class_hits: Int64[np.ndarray, "n c b"]
    """By class c and bin of p_c: pixels whose label is c, and p_c of all pixels. No classes where none are counted."""
    class_probability: Int64[np.ndarray, "n c b 2"]
    class_uncounted: Int64[np.ndarray, "n c 2"]
    """p_c of the pixels that are not known."""
    flips: Int64[np.ndarray, "n 1"]
    """Pixels whose predicted class a transform changed."""
    losses: Int64[np.ndarray, "n 2 2"]
    score_sums: Int64[np.ndarray, "n s 4 2"]
    coarse: Int64[np.ndarray, "n s 4 k"]
    label_coarse: Int64[np.ndarray, "n l 2 j"]
    """By label and coarse bin of msp: wrong and right pixels. No labels where they are not counted, as below."""
    set_labels: Int64[np.ndarray, "n l i"]
    """By label: wrong pixels by the bin of the label's own probability (`bins.set_bin`)."""
    set_others: Int64[np.ndarray, "n l i"]
    """By label: pixels by the bin of the probability of each class that is not the prediction."""

    @classmethod
    def empty(cls, layout: Layout) -> "SampleTable":
        """Return a table without rows."""
        t, y, b, s = layout.classes, layout.columns, RELIABILITY_BINS, len(layout.scores)
        c = t if layout.classwise else 0
        by_label, by_guess = [(t, b), (t, b), (t, b, 2)], [(y, b), (y, b, 2), (y,), (y, 2)]
        by_class = [(c, b), (c, b, 2), (c, 2)]
        by_score = [(s, ROLES, 2), (s, ROLES, COARSE_BINS)]
        of_sets = (t if layout.sets else 0, SET_BINS)
        on_demand = [(t if layout.by_label else 0, 2, LABEL_BINS), of_sets, of_sets]
        shapes = [(ROLES,), (t, y), *by_label, *by_guess, (t, 2), *by_class, (1,), (2, 2), *by_score, *on_demand]
        return cls((), *(np.zeros((0, *shape), np.int64) for shape in shapes))

    @cached_property
    def class_pixels(self) -> Int64[np.ndarray, "n 3 t"]:
        """Right pixels of each class, all known pixels of it, and those that are predicted as it."""
        from reliseg.stats.filled.images import class_pixels  # numba is slow to import

        found: Int64[np.ndarray, "n 3 t"] = class_pixels(self.confusion)
        return found

    @property
    def bin_counts(self) -> Int64[np.ndarray, "n b"]:
        """Pixels by bin of top-label confidence."""
        return self.label_counts.sum(axis=1)

    @cached_property
    def bin_right(self) -> Int64[np.ndarray, "n b"]:
        """Right pixels by bin of top-label confidence."""
        return self.label_right.sum(axis=1)

    @cached_property
    def bin_confidence(self) -> Int64[np.ndarray, "n b 2"]:
        """Confidence by its bin."""
        return total(self.label_confidence, axis=1)

    @classmethod
    def union(cls, tables: Iterable["SampleTable"]) -> "SampleTable":
        """Return the rows of all tables, sorted by id. Ids must differ."""
        parts = list(tables)
        ids = [i for part in parts for i in part.ids]
        if len(set(ids)) != len(ids):
            raise ValueError("a sample stands in two tables that are merged")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        columns = [np.concatenate([getattr(p, name) for p in parts])[order] for name in _COLUMNS]
        return cls(tuple(ids[i] for i in order), *columns)

    @classmethod
    def merge_parts(cls, parts: Iterable["SampleTable"]) -> "SampleTable":
        """Add up the rows of parts of one image."""
        tables = list(parts)
        if len({table.ids for table in tables}) != 1 or len(tables[0].ids) != 1:
            raise ValueError("parts of one image, a row each, are needed")
        if len(tables) == 1:
            return tables[0]
        sums = {name: sum(getattr(table, name) for table in tables) for name in _COLUMNS}
        return cls(tables[0].ids, **{name: carry(s) if name in LIMB_COLUMNS else s for name, s in sums.items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all columns but the ids."""
        return {name: getattr(self, name) for name in _COLUMNS}

    @classmethod
    def from_arrays(cls, ids: Iterable[str], arrays: Mapping[str, np.ndarray]) -> "SampleTable":
        """Return the table of these ids and columns: the inverse of `arrays`."""
        return cls(tuple(ids), **{name: arrays[name] for name in _COLUMNS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SampleTable):
            return NotImplemented
        return self.ids == other.ids and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS
        )

    __hash__ = None  # type: ignore[assignment]


_CONFIDENCES = {"label_confidence", "guess_confidence", "uncounted_confidence"}
LIMB_COLUMNS = frozenset({*_CONFIDENCES, "class_probability", "class_uncounted", "losses", "score_sums"})
_COLUMNS = tuple(f.name for f in fields(SampleTable) if f.name != "ids")


class TopSums(NamedTuple):
    """Pixels of an image by label, by prediction and by bin of top-label confidence."""

    confusion: Int64[np.ndarray, "t y"]
    right: Int64[np.ndarray, "t b"]
    labels: Int64[np.ndarray, "t b 2"]
    """By label: pixels, and their confidence in units."""
    guesses: Int64[np.ndarray, "y b 2"]
    """By prediction: the same."""
    uncounted: Int64[np.ndarray, "y 2"]
    """By prediction, of the pixels that are not known."""

    @classmethod
    def of(cls, cells: Int64[np.ndarray, "t+1 y b 2"]) -> "TopSums":
        """Return the sums over cells: pixels, and their confidence in units. The last label is none."""
        known, counts = cells[:-1], cells[:-1, ..., 0]
        right = np.einsum("ccb->cb", counts[:, :-1])
        return cls(counts.sum(axis=2), right, known.sum(axis=1), known.sum(axis=0), cells[-1].sum(axis=1))

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of the image's row that hold them."""
        columns = {
            "confusion": self.confusion,
            "label_counts": self.labels[..., 0],
            "label_right": self.right,
            "label_confidence": limbs(self.labels[..., 1]),
            "guess_counts": self.guesses[..., 0],
            "guess_confidence": limbs(self.guesses[..., 1]),
            "uncounted": self.uncounted[:, 0],
            "uncounted_confidence": limbs(self.uncounted[:, 1]),
        }
        return {name: column[None] for name, column in columns.items()}


def class_columns(classwise: ClassWise | None) -> dict[str, np.ndarray]:
    """Return the columns of an image's row that hold how sure its pixels are of each class."""
    if classwise is None:
        bins = RELIABILITY_BINS
        return {
            "class_hits": np.zeros((1, 0, bins), np.int64),
            "class_probability": np.zeros((1, 0, bins, 2), np.int64),
            "class_uncounted": np.zeros((1, 0, 2), np.int64),
        }
    return {
        "class_hits": classwise.hits[None],
        "class_probability": classwise.probability[None],
        "class_uncounted": classwise.uncounted[None],
    }


class SampleRows:
    """Rows of a sample table, collected one by one; only what is not zero takes memory."""

    def __init__(self, layout: Layout) -> None:
        self._empty = SampleTable.empty(layout)
        self._rows: dict[str, tuple[Int32[np.ndarray, " k"], Int64[np.ndarray, " k"]]] = {}
        """Places and values of what is not zero, by id; places go through all columns, one after the other."""

    def add(self, row: SampleTable) -> None:
        """Add the row of one image; a ValueError if it is there already."""
        (sample,) = row.ids
        if sample in self._rows:
            raise ValueError(f"{sample} has a row already")
        from reliseg.stats.filled.sparse import filled_cells  # numba is slow to import

        # at once: for images of few pixels, each call costs more than its work
        self._rows[sample] = filled_cells(np.concatenate([column.ravel() for column in row.arrays().values()]))

    def table(self) -> SampleTable:
        """Return all rows, sorted by id."""
        ids = sorted(self._rows)
        shapes = {name: column.shape[1:] for name, column in self._empty.arrays().items()}
        ends = np.cumsum([math.prod(shape) for shape in shapes.values()]).tolist()
        whole = np.zeros((len(ids), ends[-1]), np.int64)
        for row, sample in zip(whole, ids, strict=True):
            places, values = self._rows[sample]
            row[places] = values
        starts = dict(zip(shapes, [0, *ends], strict=False))
        columns = {
            name: whole[:, starts[name] : starts[name] + math.prod(shape)].reshape(len(ids), *shape)
            for name, shape in shapes.items()
        }
        return SampleTable.from_arrays(ids, columns)
