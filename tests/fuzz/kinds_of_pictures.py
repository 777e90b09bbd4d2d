"""Images and masks."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
from helpers.worlds import space
from PIL import Image

from fuzz.kind_base import SIZE, Kind
from fuzz.mutations import damage_bytes, damage_png
from fuzz.png_reader import DamagedError, UnknownError, read_png
from reliseg.data import DataSet, DecodedSample, Domain, Sample, load
from reliseg.labels import ColorMap, LabelMap, LabelSpace


def saved(array: np.ndarray, kind: str, **options: Any) -> bytes:
    """An array as a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def indexed(array: np.ndarray, colors: int = 12) -> bytes:
    """Ids as a palette PNG."""
    picture = Image.fromarray(array)
    picture.putpalette([c * k % 256 for c in range(colors) for k in (3, 5, 7)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def by_png(data: bytes) -> tuple[int, np.ndarray, np.ndarray | None] | None:
    """What an independent reader finds, which must find something; None where it does not know the kind."""
    try:
        return read_png(data)
    except UnknownError:
        return None
    except DamagedError as error:
        raise AssertionError(f"accepted, though damaged: {error}") from error


def one_sample(root: Path, label_map: LabelMap | ColorMap | None = None, labels: LabelSpace | None = None) -> DataSet:
    """A data set of one image, with its mask if a map says how to read that."""
    sample = Sample("s/1", "s", "image", None if label_map is None else "mask")
    labels = labels or space(3)
    domain = Domain("day", (sample,), annotated=label_map is not None)
    encoding = "color" if isinstance(label_map, ColorMap) else "index"
    return DataSet("world", root, labels, label_map or LabelMap.of({0: 0}), {"day": domain}, {}, encoding)


def loaded(dataset: DataSet) -> DecodedSample:
    """The sample of a data set of one."""
    (domain,) = dataset.domains.values()
    return load(dataset, domain.samples[0])


class PngImage(Kind):
    file = "image"

    def originals(self) -> Sequence[bytes]:
        random = np.random.default_rng(0)
        rgb = random.integers(0, 255, (*SIZE, 3), np.uint8)
        alpha = random.integers(0, 255, (*SIZE, 4), np.uint8)
        return [saved(rgb, "PNG"), saved(rgb[..., 0], "PNG"), saved(alpha, "PNG"), indexed(rgb[..., 0] % 12)]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.6 else damage_bytes)(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder)).image

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, palette = known
        if color == 3:
            assert palette is not None
            assert np.array_equal(found, palette[samples[..., 0]])
        else:
            rgb = samples[..., :3] if color in (2, 6) else np.repeat(samples[..., :1], 3, axis=2)
            assert np.array_equal(found, rgb * scale_of(data, color))


def scale_of(data: bytes, color: int) -> int:
    """What grey of few bits is multiplied with to be seen."""
    return {1: 255, 2: 85, 4: 17}.get(data[24], 1) if color == 0 else 1


class JpegImage(Kind):
    file = "image"

    def originals(self) -> Sequence[bytes]:
        rgb = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
        return [saved(rgb, "JPEG"), saved(rgb, "JPEG", progressive=True), saved(rgb[..., 0], "JPEG")]

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder)).image

    def check(self, data: bytes, found: Any) -> None:
        """A JPEG has no checksums: only that it is whole, upright, and read as it is."""
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.getexif().get(274, 1) == 1
            assert np.array_equal(found, np.asarray(picture.convert("RGB")))


class OtherImage(JpegImage):
    """Other formats, whose own checksums are few: they are decoded as they are, or refused."""

    def originals(self) -> Sequence[bytes]:
        rgb = np.random.default_rng(2).integers(0, 255, (*SIZE, 3), np.uint8)
        return [saved(rgb, kind) for kind in ("BMP", "TIFF", "GIF", "PPM", "TGA")] + [saved(rgb, "WEBP", lossless=True)]


class IndexMask(Kind):
    file = "mask"
    IDS: ClassVar[Mapping[int, int]] = {0: 0, 1: 1, 2: 2, 7: 254, 9: 255}

    def originals(self) -> Sequence[bytes]:
        ids = np.random.default_rng(3).choice(np.array(list(self.IDS), np.uint8), SIZE)
        (self.folder / "image").write_bytes(saved(np.zeros((*SIZE, 3), np.uint8), "PNG"))
        return [saved(ids, "PNG"), indexed(ids)]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.5 else damage_bytes)(random, data)

    def read(self) -> Any:
        return loaded(one_sample(self.folder, LabelMap.of({0: 0, 1: 1, 2: 2}, unknown=[7], void=[9]))).truth

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, _ = known
        assert color in (0, 3)
        assert samples.shape[:2] == SIZE
        assert np.array_equal(found, np.vectorize(self.IDS.__getitem__)(samples[..., 0]))


class ColorMask(Kind):
    file = "mask"
    COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))

    def originals(self) -> Sequence[bytes]:
        (self.folder / "image").write_bytes(saved(np.zeros((*SIZE, 3), np.uint8), "PNG"))
        colors = np.array(self.COLORS, np.uint8)
        return [saved(colors[np.random.default_rng(4).integers(0, 3, SIZE)], "PNG")]

    def damage(self, random: Random, data: bytes) -> bytes:
        return (damage_png if random.random() < 0.6 else damage_bytes)(random, data)

    def read(self) -> Any:
        labels = LabelSpace("colors", ("a", "b", "c"), self.COLORS)
        return loaded(one_sample(self.folder, ColorMap.of(labels), labels)).truth

    def check(self, data: bytes, found: Any) -> None:
        known = by_png(data)
        if known is None:
            return
        color, samples, palette = known
        rgb = samples[..., :3] if palette is None or color != 3 else palette[samples[..., 0]]
        ids = {c: i for i, c in enumerate(self.COLORS)}
        assert np.array_equal(found, [[ids[tuple(pixel)] for pixel in row] for row in rgb.tolist()])
