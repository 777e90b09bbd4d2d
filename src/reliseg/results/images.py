"""The table of images of a run, `images.csv`: a row for each image of each domain, model and calibration."""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.errors import ConfigError, DataError, count_text, suggestion
from reliseg.results import frames
from reliseg.results.chosen import choose
from reliseg.results.frames import Column
from reliseg.results.readable import open_readable
from reliseg.results.views import view
from reliseg.runtime.text_files import quoted
from reliseg.types import Float64, Int64

IMAGES_FILE = "images.csv"
PLACE = ("model", "dataset", "domain", "calibration", "sample", "scene", "image", "mask")
"""Columns of texts: where a row was measured, and the files of the image."""
PIXELS = "n_pixels"
NUMBERS = ("miou", "accuracy", "ece", "nll", "confident_error90", "confident_error99", "rejected")
MEAN, IOU = "mean_", "iou_"
"""The other columns begin so: the mean of each score, and the IoU of each class in the annotation."""
_SHARES = tuple(name for name in NUMBERS if name != "nll")
_ROUNDING = 1e-6
"""Confidences are summed up in steps of 2**-24: a share may be so much more than 1."""
_WORST_IS_HIGHEST = ("ece", "nll", "confident_error90", "confident_error99", "rejected")
_FILE_LIMIT = 1 << 36
_LOT, _CHUNK = 1 << 21, 4096
"""Characters that are read at once, about, and rows where there are quotation marks."""
_MARKS = ('"', "\r", "\0")
"""Where they stand, lines are not rows, or commas do not part cells."""


@dataclass(frozen=True)
class ImageRow:
    """One image under one model and calibration; a number that it does not have is NaN.

    `scores` is the mean of each score over its pixels, `iou` that of each class in its annotation, by name.
    """

    model: str
    dataset: str
    domain: str
    calibration: str
    sample: str
    scene: str
    image: str
    mask: str
    n_pixels: int
    miou: float
    accuracy: float
    ece: float
    nll: float
    confident_error90: float
    confident_error99: float
    rejected: float
    scores: Mapping[str, float]
    iou: Mapping[str, float]

    def __repr__(self) -> str:
        """Return what tells it from others, and its mIoU: there may be hundreds of classes."""
        place = f"{self.model} on {self.dataset}/{self.domain}, {self.calibration}"
        return f"ImageRow({self.sample!r}: {place}, mIoU {self.miou:.4f})"


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Images of a run, in the order of its table. `table["miou"]` is a column: floats, counts or texts."""

    columns: Mapping[str, Column]

    @classmethod
    def read(cls, path: str | Path) -> "ImageTable":
        """Read the table of a run, by its folder, its address or its `images.csv`; a DataError where it is none."""
        file, shown = open_readable(path, IMAGES_FILE, _FILE_LIMIT)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            try:
                return cls(_parse(text))
            except (csv.Error, ValueError) as error:
                cause = str(error) if isinstance(error, _CellError) else f"not the {IMAGES_FILE} of a run"
                raise DataError(f"{shown}: {cause}; write it anew with reliseg results RUN") from error

    def __len__(self) -> int:
        return len(self.columns["sample"].values)

    def __iter__(self) -> Iterator[ImageRow]:
        return iter(self.rows)

    def __getitem__(self, column: str) -> Any:
        if column not in self.columns:
            raise KeyError(f"no column {column!r}; {suggestion(column, self.columns)}")
        return self.columns[column].values

    def __repr__(self) -> str:
        """Return the counts on one line."""
        distinct = {name: len(set(self[name])) for name in ("model", "calibration")}
        domains, images = (len(set(zip(self["dataset"], self[name], strict=True))) for name in ("domain", "sample"))
        counts = [(images, "image"), (distinct["model"], "model"), (domains, "domain")]
        counts.append((distinct["calibration"], "calibration"))
        said = ", ".join(count_text(number, noun) for number, noun in counts)
        return f"ImageTable({count_text(len(self), 'row')}: {said})"

    def _repr_html_(self) -> str:
        """Return the first rows, for notebooks."""
        html: str = view("notebook.html", "images_html")(self)
        return html

    @property
    def scores(self) -> tuple[str, ...]:
        """The names of the scores, each with a column `mean_NAME`."""
        return tuple(name.removeprefix(MEAN) for name in self.columns if name.startswith(MEAN))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, each with a column `iou_NAME`."""
        return tuple(name.removeprefix(IOU) for name in self.columns if name.startswith(IOU))

    @cached_property
    def rows(self) -> tuple[ImageRow, ...]:
        """The rows, one object each."""
        columns = [self._list(name) for name in (*PLACE, PIXELS, *NUMBERS)]
        for begin, names in ((MEAN, self.scores), (IOU, self.classes)):
            parts = [self._list(f"{begin}{name}") for name in names]
            columns.append([{name: part[i] for name, part in zip(names, parts, strict=True)} for i in range(len(self))])
        return tuple(ImageRow(*cells) for cells in zip(*columns, strict=True))

    def where(self, **names: str | Sequence[str]) -> "ImageTable":
        """Return the rows with these names: `where(model="net", domain=["day", "camvid/dusk"])`.

        Columns are those of texts; of each, one name or several.
        """
        found = self
        for column, wanted in names.items():
            if column not in PLACE:
                raise KeyError(f"no column of names {column!r}; {suggestion(column, PLACE)}")
            datasets = found["dataset"] if column == "domain" else None
            found = found._at(choose(found[column], wanted, datasets))
        return found

    def of_states(self, states: Collection[tuple[str, str, str, str]]) -> "ImageTable":
        """Return the rows of these combinations of model, dataset, domain and calibration."""
        places = zip(*(self[name] for name in PLACE[:4]), strict=True)
        return self._at([i for i, place in enumerate(places) if place in states])

    def by_state(self) -> dict[tuple[str, str, str, str], "ImageTable"]:
        """Return the rows of each model, data set, domain and calibration, in the order of the table."""
        places: dict[tuple[str, str, str, str], list[int]] = {}
        for i, place in enumerate(zip(*(self[name] for name in PLACE[:4]), strict=True)):
            places.setdefault(place, []).append(i)
        return {place: self._at(index) for place, index in places.items()}

    def worst(self, n: int = 10, by: str = "miou") -> "ImageTable":
        """Return the `n` worst images by a column of numbers, the worst first.

        Each image is there once, in its worst row. Low is bad of mIoU, accuracy, the IoU of a class and the mean of a
        score, high of all others. Images without the number are left out; of equal ones the first come first.
        """
        if by not in self.columns or self.columns[by].kind == "text":
            numbers = [name for name, column in self.columns.items() if column.kind != "text"]
            raise KeyError(f"no column of numbers {by!r}; {suggestion(by, numbers)}")
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise ConfigError(f"n is {quoted(n)}; give a whole number from 0")
        values = np.asarray(self[by], np.float64)
        order = np.argsort(-values if by in _WORST_IS_HIGHEST else values, kind="stable")  # NaN comes last
        images: dict[tuple[str, str], int] = {}
        for i in order[: np.count_nonzero(~np.isnan(values))]:
            if len(images) == n:
                break
            images.setdefault((self["dataset"][i], self["sample"][i]), int(i))
        return self._at([*images.values()])

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as plain dicts with the columns of the file; a number that is not there is None."""
        columns = {name: self._list(name) for name in self.columns}
        return [
            {name: None if value != value else value for name, value in zip(columns, cells, strict=True)}
            for cells in zip(*columns.values(), strict=True)
        ]

    def to_pandas(self) -> Any:
        """Return the table as a pandas.DataFrame: `string`, `int64`, `float64` with NaN where there is no number."""
        return frames.to_pandas(self.columns)

    def to_polars(self) -> Any:
        """Return the table as a polars.DataFrame, with null where there is no number."""
        return frames.to_polars(self.columns)

    def write_parquet(self, path: str | Path) -> None:
        """Write the table as Parquet; needs pyarrow."""
        frames.write_parquet(self.columns, Path(path))

    def _list(self, column: str) -> list[Any]:
        values = self.columns[column].values
        return values.tolist() if isinstance(values, np.ndarray) else list(values)

    def _at(self, index: Sequence[int]) -> "ImageTable":
        """Return the rows at these places."""
        return ImageTable({name: Column(c.kind, _taken(c.values, index)) for name, c in self.columns.items()})


def _taken(values: Sequence[Any] | np.ndarray, index: Sequence[int]) -> Sequence[Any] | np.ndarray:
    return values[np.array(index, np.int64)] if isinstance(values, np.ndarray) else tuple(values[i] for i in index)


class _CellError(ValueError):
    """A cell that is not what its column holds: the row and the column are named."""


def _parse(file: io.TextIOBase) -> dict[str, Column]:
    """Return the columns of a file; a ValueError or csv.Error where it is no table of images."""
    lines = csv.reader(file, strict=True)
    header = next(lines, [])
    fixed = [*PLACE, PIXELS, *NUMBERS]
    others = header[len(fixed) :]
    if header[: len(fixed)] != fixed or len(set(header)) < len(header):
        raise ValueError("other columns")
    if not all(name.startswith((MEAN, IOU)) for name in others):
        raise ValueError("unknown columns")
    chunks: list[list[Any]] = [[] for _ in header]
    shared = _Texts()
    done = 0
    for lot in _lots(file, len(header)):
        for column, cells, found in zip(header, lot, chunks, strict=True):
            found.append(_converted(column, cells, done, shared))
        done += len(lot[0])
    return {name: _column(name, found) for name, found in zip(header, chunks, strict=True)}


def _lots(file: io.TextIOBase, width: int) -> Iterator[list[Sequence[str]]]:
    """Yield the cells of some rows after the others, column by column; a ValueError where a row has more or fewer.

    Until a quotation mark comes, rows are what stands between line ends, and cells what stands between commas.
    """
    while lines := file.readlines(_LOT):
        text = "".join(lines)
        if any(mark in text for mark in _MARKS):
            yield from _lots_with_quotes(chain(lines, file), width)
            return
        if any(line.count(",") != width - 1 for line in lines):
            raise ValueError("rows of other lengths")
        cells = text.removesuffix("\n").replace("\n", ",").split(",")
        yield [cells[k::width] for k in range(width)]


def _lots_with_quotes(lines: Iterable[str], width: int) -> Iterator[list[Sequence[str]]]:
    rows = csv.reader(lines, strict=True)
    while lot := list(islice(rows, _CHUNK)):
        if any(len(row) != width for row in lot):
            raise ValueError("rows of other lengths")
        yield [*zip(*lot, strict=True)]


class _Texts(dict[str, str]):
    """The text of each cell; equal ones are the same object."""

    def __missing__(self, cell: str) -> str:
        self[cell] = cell.removeprefix("'")
        return self[cell]


def _column(name: str, chunks: Sequence[Any]) -> Column:
    if name in PLACE:
        return Column("text", tuple(text for chunk in chunks for text in chunk))
    if name == PIXELS:
        return Column("count", np.concatenate([np.zeros(0, np.int64), *chunks]))
    return Column("number", np.concatenate([np.zeros(0), *chunks]))


def _converted(column: str, cells: Sequence[str], done: int, shared: _Texts) -> Any:
    """Return the values of cells of a column; a _CellError where one is none."""
    if column in PLACE:
        return [shared[cell] for cell in cells]
    try:
        return _counts(cells) if column == PIXELS else _numbers(column, cells)
    except ValueError:
        if len(cells) == 1:
            raise _CellError(f"row {done + 1}: {column} is {quoted(cells[0])}") from None
        for i, cell in enumerate(cells):  # the first one that is wrong is named
            _converted(column, [cell], done + i, shared)
        raise


def _numbers(column: str, cells: Sequence[str]) -> Float64[np.ndarray, " n"]:
    empty = cells.count("")
    values = np.array([float(cell or "nan") for cell in cells] if empty else [*map(float, cells)], np.float64)
    is_share = column in _SHARES or column.startswith(IOU)
    low, high = (0, 1 + _ROUNDING) if is_share else (-np.finfo(float).max, np.finfo(float).max)
    there = values[~np.isnan(values)] if empty else values
    is_plain = len(there) == len(cells) - empty and "_" not in "".join(cells)
    if not is_plain or not ((there >= low) & (there <= high)).all():
        raise ValueError("no number of its kind")
    return values


def _counts(cells: Sequence[str]) -> Int64[np.ndarray, " n"]:
    digits = "".join(cells)
    if not (digits.isascii() and digits.isdigit() and all(cells) and max(map(len, cells)) < 19):
        raise ValueError("no count")
    return np.array([*map(int, cells)], np.int64)
