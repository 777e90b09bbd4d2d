"""Maps that a run has saved: what stands in their files, where that is still what the model would predict."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from reliseg.data import PIXEL_LIMIT
from reliseg.run.depot.base import Depot
from reliseg.run.export import MARK, SavedKind, ending_of, mark_of
from reliseg.runtime.regular_files import open_regular
from reliseg.types import Truth, UInt16

SavedMaps: TypeAlias = tuple[Truth, UInt16[np.ndarray, "H W"]]
"""The classes of an image, and the confidence in 16 bits."""

_FILE_LIMIT = 1 << 29


def saved_maps(base: Path, calibration: str, origin: str, depot: Depot) -> SavedMaps | None:
    """Return prediction and confidence under a calibration; None unless both are there, whole, and of this origin.

    `base` is what the names of their files begin with. Files without a mark may show anything: those of older runs, and
    those that were written by hand.
    """
    classes = _marked(_file(base, "prediction", calibration, depot), np.uint8, origin)
    confidence = None
    if classes is not None:
        confidence = _marked(_file(base, "confidence", calibration, depot), np.uint16, origin)
    return None if classes is None or confidence is None else (classes, confidence)


def _file(base: Path, kind: str, calibration: str, depot: Depot) -> Path:
    path = base.with_name(f"{base.name}{ending_of(SavedKind(kind, calibration))}")
    depot.fetch(path.parent, stem=path.name)
    return path


def _marked(path: Path, dtype: type[np.generic], origin: str) -> np.ndarray | None:
    """Return the pixels of a file whose mark is that of these pixels and this origin; None where there is none."""
    try:
        with open_regular(path, _FILE_LIMIT) as file, Image.open(file, formats=("PNG",)) as picture:
            if picture.width * picture.height > PIXEL_LIMIT or MARK not in picture.info:
                return None
            mark, pixels = picture.info[MARK], np.asarray(picture).astype(dtype)
    except Exception:  # decoders of broken files raise anything, and the model can predict the image again
        return None
    return pixels if mark == mark_of(origin, pixels) else None
