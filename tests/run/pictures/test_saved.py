"""Saved maps are what they were written as, of what they were written for, or they are none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reliseg.run.depot.base import LocalDepot
from reliseg.run.export import mark_of, write_png
from reliseg.run.pictures.saved import SavedMaps, saved_maps

CLASSES = np.arange(12, dtype=np.uint8).reshape(3, 4)
CONFIDENCE = CLASSES.astype(np.uint16) * 5000
TS = "ts@street/cal"


def write(folder: Path, origin: str = "here") -> Path:
    base = folder / "s1"
    for pixels, kind in ((CLASSES, "pred"), (CONFIDENCE, "conf")):
        write_png(folder / f"s1_{kind}@ts@street-cal.png", pixels, mark_of(origin, pixels))
    return base


def read(base: Path, origin: str = "here", calibration: str = TS) -> SavedMaps | None:
    return saved_maps(base, calibration, origin, LocalDepot())


def test_both_maps_come_back_as_they_were_written(tmp_path: Path) -> None:
    found = read(write(tmp_path))
    assert found is not None
    for pixels, written in zip(found, (CLASSES, CONFIDENCE), strict=True):
        assert pixels.dtype == written.dtype
        np.testing.assert_array_equal(pixels, written)


def test_maps_of_another_origin_or_calibration_are_none(tmp_path: Path) -> None:
    base = write(tmp_path)
    assert read(base, "elsewhere") is None
    assert read(base, calibration="identity") is None


def _painted(path: Path) -> None:
    with Image.open(path) as picture:
        pixels, mark = np.asarray(picture).copy(), picture.info["reliseg"]
    pixels[0, 0] += 1
    write_png(path, pixels, mark)


def _unmarked(path: Path) -> None:
    with Image.open(path) as picture:
        write_png(path, np.asarray(picture).copy())


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _of_another_kind(path: Path) -> None:
    path.write_text("no picture")


def _as_colors(path: Path) -> None:
    pixels = np.zeros((3, 4, 3), np.uint8)
    write_png(path, pixels, mark_of("here", CLASSES))


@pytest.mark.parametrize("kind", ["pred", "conf"])
@pytest.mark.parametrize("spoil", [_painted, _unmarked, _cut_off, _of_another_kind, _as_colors, Path.unlink])
def test_a_map_that_is_not_what_was_written_is_none(tmp_path: Path, spoil: Callable[[Path], None], kind: str) -> None:
    base = write(tmp_path)
    spoil(tmp_path / f"s1_{kind}@ts@street-cal.png")
    assert read(base) is None
