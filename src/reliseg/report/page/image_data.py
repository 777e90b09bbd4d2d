"""The worst images of a state, from the table of images."""

import math
from typing import Any

import numpy as np

from reliseg.results import ImageRow, ImageTable

_COLUMNS = ("miou", "accuracy", "ece", "nll", "confident_error90", "rejected")


def worst_images(table: ImageTable, most: int) -> dict[str, list[Any]]:
    """Return the images with the lowest mIoU, at most so many, as columns; those without one are left out."""
    worst = table.worst(most)
    return {
        "sample": list(worst["sample"]),
        "of": [int(np.count_nonzero(~np.isnan(table["miou"])))],
        **{name: [_number(value) for value in worst[name].tolist()] for name in _COLUMNS},
        "lowest": [_lowest_class(row) for row in worst],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.4g}")


def _lowest_class(row: ImageRow) -> list[Any]:
    """Return the class of the image with the lowest IoU, and that; of equal ones the first."""
    found = [(value, name) for name, value in row.iou.items() if not math.isnan(value)]
    if not found:
        return []
    value, name = min(found, key=lambda pair: pair[0])
    return [name, round(value, 4)]
