"""The pictures of the page: as many and as large as its budget allows, of all models and domains alike."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reliseg.errors import count_text
from reliseg.report.page.colors import distinct_colors
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import Names, State, Table
from reliseg.results.pictures import (
    SIDE,
    THRESHOLDS,
    ConfidencePicture,
    IdMap,
    PictureEntry,
    ScenePicture,
    decoded,
    encoded,
    fitted,
    smaller_image,
    smaller_map,
)

_SIDES = (SIDE, 768, 576, 432, 320, 240)
"""Pixels of the longer side of a picture: the first at which all fit is taken."""
_TRIED = 6
"""So many pictures tell how large all will be."""
_MOST = 4000
"""Pictures on a page: more would not be found in it."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """One image as a model sees it."""

    entry: PictureEntry
    run: RunFiles
    model: str
    domain: str
    calibrations: tuple[str, ...]

    @property
    def order(self) -> tuple[bool, int]:
        """What comes first: the worst of every model and domain, then each second worst; what is only typical, last."""
        return self.entry.rank == 0, self.entry.rank


@dataclass(eq=False)
class PictureData:
    """What the page holds of pictures: `head` says what they are, `blobs` are texts of packed pixels."""

    head: dict[str, Any] = field(default_factory=dict)
    blobs: list[str] = field(default_factory=list)


def picture_data(table: Table, runs: Sequence[RunFiles], names: Names, budget: float) -> PictureData:
    """Return the pictures of these runs that take at most so many bytes in the page.

    Where they take more, all are made smaller, down to a limit; then those that come last are left out.
    """
    every = _shown(table, runs, names)
    kept = every[:_MOST] if budget > 0 else []
    side = _side(kept, budget)
    packed = _Packed(side)
    for one in kept:
        if not packed.add(one, budget):
            break
    notes = []
    if packed.shown and side < max(packed.largest, 1):
        notes.append(f"Pictures are at most {side} pixels wide or high here, so that the page stays small.")
    if lost := len(every) - len(packed.shown):
        notes.append(
            f"{lost} of {count_text(len(every), 'picture')} {'is' if lost == 1 else 'are'} left out; a larger "
            "reliseg report --picture-budget shows more."
        )
    return PictureData(packed.head(table) | {"notes": notes}, packed.blobs)


def _shown(table: Table, runs: Sequence[RunFiles], names: Names) -> list[_Shown]:
    """Return what could be shown, in the order in which there is place for it."""
    found = []
    for index, run in enumerate(runs):
        for entry in run.pictures.pictures if run.pictures else ():
            model, domain = names.model(index, entry.model), names.domain(entry.dataset, entry.domain)
            known = [c for c in entry.confidences if State(model, domain, c) in table.states]
            if known:
                found.append(_Shown(entry, run, model, domain, tuple(known)))
    return sorted(found, key=lambda one: one.order)


def _side(shown: Sequence[_Shown], budget: float) -> int:
    """Return the size at which all will probably fit: some tell how large the others are."""
    tried = shown[:: max(1, len(shown) // _TRIED)]
    for side in _SIDES:
        packed = _Packed(side)
        for one in tried:
            packed.add(one, float("inf"))
        if packed.size * len(shown) <= budget * len(tried):
            return side
    return _SIDES[-1]


class _Packed:
    """Pictures at one size. What several models share is there once."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.size = 0
        self.largest = 0
        """Pixels of the longer side of the largest picture, before it was made smaller."""
        self.blobs: list[str] = []
        self.shown: list[dict[str, Any]] = []
        self._places: dict[str, int] = {}
        self._scenes: dict[tuple[int, str], int] = {}
        self._scene_records: list[dict[str, Any]] = []
        self._spaces: list[dict[str, Any]] = []

    def head(self, table: Table) -> dict[str, Any]:
        """Return what the pictures are; models, domains and calibrations by their places in the table."""
        models, domains, calibrations = table.models, table.domains, table.calibrations
        shown = [
            one
            | {"model": models.index(one["model"]), "domain": domains.index(one["domain"])}
            | {"states": {str(calibrations.index(c)): s for c, s in one["states"].items()}}
            for one in self.shown
        ]
        return {"thresholds": THRESHOLDS, "spaces": self._spaces, "scenes": self._scene_records, "shown": shown}

    def add(self, one: _Shown, budget: float) -> bool:
        """Add an image as a model sees it, and tell if there was place for it."""
        before = len(self.blobs), self.size, dict(self._scenes), len(self._scene_records)
        scene = self._scene(one)
        states = {}
        for calibration in one.calibrations:
            picture = ConfidencePicture.read(one.run.picture(one.entry.confidences[calibration]))
            size = fitted((picture.classes.shape[0], picture.classes.shape[1]), self.side)
            maps = [smaller_map(picture.classes, size), smaller_map(picture.levels, size)]
            states[calibration] = {"maps": self._blob(_packed_maps(maps)), "counts": picture.counts.tolist()}
        if self.size > budget:
            count, self.size, self._scenes, records = before
            del self.blobs[count:], self._scene_records[records:]
            return False
        entry = one.entry
        self.shown.append(
            {"model": one.model, "domain": one.domain, "scene": scene, "states": states}
            | {"rank": entry.rank, "typical": entry.typical}
        )
        return True

    def _scene(self, one: _Shown) -> int:
        """Return the number of the record of an image."""
        key = id(one.run), one.entry.scene
        if key not in self._scenes:
            picture = ScenePicture.read(one.run.picture(one.entry.scene))
            image = decoded(picture.image)
            self.largest = max(self.largest, *image.shape[:2])
            size = fitted((image.shape[0], image.shape[1]), self.side)
            data = picture.image if size == image.shape[:2] else encoded(smaller_image(image, size))
            self._scenes[key] = len(self._scene_records)
            truth = -1 if picture.truth is None else self._blob(_packed_maps([smaller_map(picture.truth, size)]))
            self._scene_records.append(
                {"sample": one.entry.sample, "height": size[0], "width": size[1], "full": list(picture.size)}
                | {"image": self._blob(data), "truth": truth, "space": self._space(one)}
            )
        return self._scenes[key]

    def _space(self, one: _Shown) -> int:
        """Return the number of the record of the classes of an image's data set."""
        assert one.run.pictures is not None
        classes = one.run.pictures.classes[one.entry.dataset]
        safe = distinct_colors(len(classes.names))
        own = [tuple(color) for color in classes.colors] if classes.own_palette else safe
        record = {"names": classes.names, "colors": own, "safe": safe}
        if record not in self._spaces:
            self._spaces.append(record)
        return self._spaces.index(record)

    def _blob(self, data: bytes) -> int:
        text = base64.b64encode(data).decode("ascii")
        self.blobs.append(text)
        self.size += len(text)
        return len(self.blobs) - 1


def _packed_maps(maps: Sequence[IdMap]) -> bytes:
    """Return maps of one size, each row as the difference to the one above: so they pack well."""
    rows = b"".join(np.diff(m, axis=0, prepend=np.uint8(0)).tobytes() for m in maps)
    return zlib.compress(rows, 7)  # 9 takes eight times as long for a twentieth less
