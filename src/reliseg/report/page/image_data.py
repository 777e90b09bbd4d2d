"""The worst images of a state, from the lines of `images.csv`."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = ("miou", "accuracy", "ece", "nll", "confident_error90", "rejected")


def worst_images(lines: Sequence[Mapping[str, Any]], most: int) -> dict[str, list[Any]]:
    """Return the images with the lowest mIoU, at most so many, as columns; those without one are left out."""
    known = [line for line in lines if line.get("miou")]
    worst = sorted(known, key=lambda line: (float(line["miou"]), line["sample"]))[:most]
    return {
        "sample": [line["sample"] for line in worst],
        "of": [len(known)],
        **{name: [_number(line.get(name)) for line in worst] for name in _COLUMNS},
        "lowest": [_lowest_class(line) for line in worst],
    }


def _number(text: Any) -> float | None:
    return float(f"{float(text):.4g}") if text not in (None, "") else None


def _lowest_class(line: Mapping[str, Any]) -> list[Any]:
    """Return the class of the image with the lowest IoU, and that; of equal ones the first."""
    found = [(float(v), name.removeprefix("iou_")) for name, v in line.items() if name.startswith("iou_") and v]
    if not found:
        return []
    value, name = min(found, key=lambda pair: pair[0])
    return [name, round(value, 4)]
