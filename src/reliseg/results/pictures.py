"""Pictures of single images that a run keeps for its readers: what was seen, what is there, what was predicted.

A file holds an image with its truth, or a prediction with its confidence under one calibration, at most `SIDE` pixels
wide and high. `index.json` says which of them show what. Counts of pixels are those of the whole image.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from PIL import Image as Pillow
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked

from reliseg.errors import DataError
from reliseg.labels import UNKNOWN
from reliseg.results.names import INDEX_FILE, PICTURES_FOLDER
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import open_regular, read_regular, reason_of
from reliseg.types import Float, Image, Int64, Truth, UInt8

FORMAT = 2
SIDE = 1024
"""Pixels. Larger images are made smaller: classes and confidences are those of single pixels then, no means."""
_STEPS = ((0.0, 0.9, 0.02), (0.9, 0.99, 0.005), (0.99, 0.999, 0.001))
THRESHOLDS = (
    *(round(float(t), 5) for low, high, step in _STEPS for t in np.arange(low, high - step / 2, step)),
    *(0.999, 0.9995, 0.9999),
)
"""Confidences (msp) that pixels may be asked for: close to each other where most pixels are."""
OTHER = 255
"""The class of a pixel that is predicted as none of the data set's."""
RIGHT, WRONG, NEW, VOID = range(4)
"""The lines of `ConfidencePicture.counts`: known pixels, those of unknown objects, and those without annotation."""
IdMap: TypeAlias = UInt8[np.ndarray, "h w"]

_QUALITY = 80
_FILE_LIMIT = 1 << 24
_INDEX_LIMIT = 1 << 28
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
_FileName: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.npz$")]
_Color: TypeAlias = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


@dataclass(frozen=True, eq=False)
class ScenePicture:
    """An image as WebP, at most `SIDE` pixels wide and high; `size` is the height and width that it had.

    `truth` is at the size of the picture; None where the image has no annotation.
    """

    image: bytes
    size: tuple[int, int]
    truth: IdMap | None

    @classmethod
    def of(cls, image: Image, truth: Truth | None) -> "ScenePicture":
        """Return the picture of an image."""
        height, width = image.shape[:2]
        size = fitted((height, width), SIDE)
        shown = smaller_image(image, size)
        return cls(encoded(shown), (height, width), None if truth is None else smaller_map(truth, size))

    def write(self, path: Path) -> None:
        """Write it atomically."""
        arrays: dict[str, Any] = {"image": np.frombuffer(self.image, np.uint8), "size": np.array(self.size, np.int64)}
        _write(path, arrays if self.truth is None else arrays | {"truth": self.truth})

    @classmethod
    def read(cls, path: Path) -> "ScenePicture":
        """Read it; a DataError where it is none."""
        with _Reading(path) as arrays:
            height, width = (int(n) for n in arrays["size"])
            image = arrays["image"].astype(np.uint8, casting="no").tobytes()
            return cls(image, (height, width), _map(arrays["truth"]) if "truth" in arrays else None)


@dataclass(frozen=True, eq=False)
class ConfidencePicture:
    """A prediction: `classes`, and `levels`, the place in `THRESHOLDS` of the last that a pixel's confidence reaches.

    `counts` are the pixels of the whole image by kind (`RIGHT`, `WRONG`, `NEW`, `VOID`) and level.
    """

    classes: IdMap
    levels: IdMap
    counts: Int64[np.ndarray, "4 t"]

    @classmethod
    def of(cls, classes: Truth, confidence: Float[np.ndarray, "H W"], truth: Truth | None) -> "ConfidencePicture":
        """Return the picture of a prediction at the size of its image."""
        levels = np.searchsorted(THRESHOLDS, confidence, side="right").astype(np.int64) - 1
        kinds = np.full(classes.shape, VOID)
        if truth is not None:
            kinds[truth < UNKNOWN] = WRONG
            kinds[truth == UNKNOWN] = NEW
            kinds[(truth == classes) & (truth < UNKNOWN)] = RIGHT
        size = len(THRESHOLDS)
        counts = np.bincount((kinds * size + levels).ravel(), minlength=4 * size).reshape(4, size)
        shown = fitted((classes.shape[0], classes.shape[1]), SIDE)
        return cls(smaller_map(classes, shown), smaller_map(levels.astype(np.uint8), shown), counts.astype(np.int64))

    def write(self, path: Path) -> None:
        """Write it atomically."""
        _write(path, {"classes": self.classes, "levels": self.levels, "counts": self.counts})

    @classmethod
    def read(cls, path: Path) -> "ConfidencePicture":
        """Read it; a DataError where it is none."""
        with _Reading(path) as arrays:
            found = cls(
                _map(arrays["classes"]), _map(arrays["levels"]), arrays["counts"].astype(np.int64, casting="no")
            )
            if found.counts.shape != (4, len(THRESHOLDS)) or found.counts.min() < 0:
                raise ValueError("counts")
            if found.classes.shape != found.levels.shape or found.levels.max() >= len(THRESHOLDS):
                raise ValueError("levels")
            return found


@checked(frozen=True, config=_STRICT)
class PictureClasses:
    """The classes of a data set, and their colors; nobody wrote these where the palette is not its own."""

    names: list[str]
    colors: list[_Color]
    own_palette: bool


@checked(frozen=True, config=_STRICT)
class PictureEntry:
    """One image as one model sees it.

    `rank` is its place among the model's worst images of the domain, from 1 on; 0 where it is none of these. `typical`
    is whether it is the one in the middle of the domain. `scene` and `confidences`, by calibration, are files.
    """

    model: str
    dataset: str
    domain: str
    sample: str
    rank: Annotated[int, Field(ge=0)]
    typical: bool
    scene: _FileName
    confidences: dict[str, _FileName]


@checked(frozen=True, config=_STRICT)
class PictureIndex:
    """The pictures of a run. `asked` is how many of the worst images were asked for; `classes` are by data set."""

    format: Literal[1]
    asked: Annotated[int, Field(ge=1)]
    classes: dict[str, PictureClasses]
    pictures: list[PictureEntry]

    def to_json(self) -> str:
        """Return it as it is written."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False) + "\n"

    @classmethod
    def read(cls, run: Path) -> "PictureIndex | None":
        """Read that of a run; None where it has none, and a DataError where it cannot be read."""
        file = run / PICTURES_FOLDER / INDEX_FILE
        again = "carry out the run with --pictures again, which writes it anew"
        try:
            return checker(PictureIndex).validate_json(read_regular(file, _INDEX_LIMIT))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({reason_of(error)}); {again}") from error
        except ValidationError as error:
            raise DataError(f"{file}: not the index of pictures of a run; {again}") from error


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return a height and width with the same ratio, neither larger than `side`; the same where they are not."""
    largest = max(size)
    if largest <= side:
        return size
    height, width = (max(1, round(n * side / largest)) for n in size)
    return height, width


def smaller_map(values: Truth, size: tuple[int, int]) -> IdMap:
    """Return the values of the pixels in the middle of what each pixel of the smaller map stands for."""
    rows, columns = (((2 * np.arange(new) + 1) * old) // (2 * new) for old, new in zip(values.shape, size, strict=True))
    return np.ascontiguousarray(values[rows[:, None], columns[None, :]])


def smaller_image(image: Image, size: tuple[int, int]) -> Image:
    """Return an image at a smaller size (height, width)."""
    if image.shape[:2] == size:
        return image
    height, width = size
    return np.asarray(Pillow.fromarray(image).resize((width, height), Pillow.Resampling.LANCZOS, reducing_gap=3.0))


def encoded(image: Image) -> bytes:
    """Return an image as WebP."""
    file = BytesIO()
    Pillow.fromarray(image).save(file, "WEBP", quality=_QUALITY, method=6)
    return file.getvalue()


def decoded(image: bytes) -> Image:
    """Return an image of WebP; a DataError where it is none."""
    try:
        with Pillow.open(BytesIO(image), formats=("WEBP",)) as picture:
            if max(picture.size) > SIDE:
                raise ValueError("too large")
            return np.asarray(picture.convert("RGB"))
    except Exception as error:  # decoders of broken files raise anything
        raise DataError("a picture of the run is damaged; carry out the run with --pictures again") from error


def _map(values: np.ndarray) -> IdMap:
    if values.ndim != 2 or not values.size or max(values.shape) > SIDE:
        raise ValueError("not a map")
    return values.astype(np.uint8, casting="no")


def _write(path: Path, arrays: Mapping[str, Any]) -> None:
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))


class _Reading:
    """The arrays of a file, while they are looked at: what is wrong with them becomes a DataError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Mapping[str, np.ndarray]:
        try:
            with open_regular(self._path, _FILE_LIMIT) as file, zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > _FILE_LIMIT:
                    raise ValueError("too large")
                file.seek(0)
                with np.load(file, allow_pickle=False) as arrays:
                    found = {name: arrays[name] for name in arrays.files}
            if not all(isinstance(values, np.ndarray) for values in found.values()):
                raise ValueError("not an array")  # numpy returns bytes that are none as they are
            return found
        except OSError as error:
            raise self._error(f"cannot be read ({reason_of(error)})") from error
        except Exception as error:  # numpy and zipfile raise anything
            raise self._error("not a picture of a run") from error

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ValueError | LookupError | TypeError | ArithmeticError):
            raise self._error("not a picture of a run") from error

    def _error(self, problem: str) -> DataError:
        return DataError(f"{self._path}: {problem}; delete it and carry out the run with --pictures again")
