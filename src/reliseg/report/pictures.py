"""Pictures of single images: input, truth, prediction, confidence and errors."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from reliseg.labels import UNKNOWN, VOID, LabelSpace
from reliseg.types import Float, Image, Truth, UInt8

_VIRIDIS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Anchors of a scale that is even to the eye and safe for color-blind readers, from unsure to sure."""
_WHITE, _BLACK, _GREY = (255, 255, 255), (20, 20, 20), (90, 90, 90)
_RIGHT, _WRONG, _UNKNOWN = (205, 216, 224), (200, 40, 40), (0, 215, 215)
_CAPTION = 18
_Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont
_GAP = 4


@dataclass(frozen=True, eq=False)
class Case:
    """One image with its truth (ids, 254 unknown, 255 void), prediction and confidence in [0, 1]."""

    title: str
    image: Image
    truth: Truth
    prediction: Truth
    confidence: Float[np.ndarray, "H W"]


def sheet(cases: list[Case], labels: LabelSpace) -> Image:
    """Draw a row for each case: input, truth, prediction, confidence, errors; with captions and a legend."""
    height, width = cases[0].image.shape[:2]
    columns = ("input", "truth", "prediction", "confidence (dark: low)", "errors")
    row = height + _CAPTION + _GAP
    canvas = Pillow.new("RGB", (len(columns) * (width + _GAP) - _GAP, len(cases) * row + 2 * _CAPTION), _WHITE)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(13)
    for r, case in enumerate(cases):
        for c, (name, tile) in enumerate(zip(columns, tiles(case, labels), strict=True)):
            x, y = c * (width + _GAP), r * row
            draw.text((x + 2, y + 1), f"{case.title}: {name}" if c == 0 else name, _BLACK, font)
            canvas.paste(Pillow.fromarray(tile), (x, y + _CAPTION))
    _legend(draw, labels, (2, len(cases) * row + 8), font)
    return np.asarray(canvas)


def tiles(case: Case, labels: LabelSpace) -> list[Image]:
    """Return input, truth, prediction, confidence and errors as RGB."""
    return [
        case.image,
        palette_colors(case.truth, labels),
        palette_colors(case.prediction, labels),
        _confidence_colors(case.confidence),
        _errors(case),
    ]


def palette_colors(ids: Truth, labels: LabelSpace) -> Image:
    """Return ids in the colors of the palette; unknown pixels are cyan, void ones black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(labels)] = labels.palette
    table[UNKNOWN] = _UNKNOWN
    return table[ids]


def write_png(path: Path, pixels: Image) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)


def _confidence_colors(confidence: Float[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    anchors = np.linspace(0, 1, len(_VIRIDIS))
    channels = [np.interp(confidence, anchors, [color[k] for color in _VIRIDIS]) for k in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _errors(case: Case) -> Image:
    """Return right pixels pale, wrong ones red (darker with more confidence), unknown ones cyan, void ones black."""
    picture = np.empty((*case.truth.shape, 3), np.uint8)
    picture[:] = _RIGHT
    wrong = (case.truth != case.prediction) & (case.truth < UNKNOWN)
    strength = (0.35 + 0.65 * case.confidence[wrong])[:, None]
    picture[wrong] = np.rint(255 + strength * (np.array(_WRONG) - 255))
    picture[case.truth == UNKNOWN] = _UNKNOWN
    picture[case.truth == VOID] = _BLACK
    return picture


def _legend(draw: ImageDraw.ImageDraw, labels: LabelSpace, place: tuple[int, int], font: _Font) -> None:
    x, y = place
    entries = [*zip(labels.classes, labels.palette, strict=True), ("unknown", _UNKNOWN), ("void", (0, 0, 0))]
    for name, color in [*entries, ("right", _RIGHT), ("wrong (darker: more confident)", _WRONG)]:
        draw.rectangle((x, y + 2, x + 11, y + 13), fill=color, outline=_GREY)
        draw.text((x + 15, y), name, _BLACK, font)
        x += 29 + int(draw.textlength(name, font))
