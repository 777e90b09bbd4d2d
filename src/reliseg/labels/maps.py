"""Label maps: the raw ids or colors of an annotation file -> ids of a label space, unknown, or void."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.errors import ConfigError, ReliSegError, count_text
from reliseg.labels.space import UNKNOWN, VOID, LabelSpace
from reliseg.types import Image, Int16, Int32, Truth, UInt8, UInt16

_RAW_IDS, _RAW_COLORS = 1 << 16, 1 << 24
_UNLISTED = -1
_MAX_NAMES = 8
_ROWS = 64
Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


class UnlistedIdsError(ReliSegError):
    """An annotation holds ids or colors that its map does not list; the text names them and their counts."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A lookup table over all 16-bit raw ids; -1 marks an id that is listed as nothing."""

    table: Int16[np.ndarray, " ids"]

    @classmethod
    def of(
        cls,
        known: Mapping[int, int],
        *,
        unknown: Iterable[int] = (),
        void: Iterable[int] = (),
        unlisted_is_void: bool = False,
    ) -> "LabelMap":
        """Return the map with these known raw ids (raw: id), unknown ones and void ones; each has one role."""
        table = np.full(_RAW_IDS, _UNLISTED, np.int16)
        roles = (
            ("void", dict.fromkeys(void, VOID)),
            ("unknown", dict.fromkeys(unknown, UNKNOWN)),
            ("known", known),
        )
        for role, ids in roles:
            for raw, i in ids.items():
                if not 0 <= raw < _RAW_IDS:
                    raise ConfigError(f"label map: raw id {raw} ({role}) is not in 0 to {_RAW_IDS - 1}")
                if table[raw] != _UNLISTED:
                    raise ConfigError(f"label map: raw id {raw} is listed twice, once as {role}; list it once")
                table[raw] = i
        if unlisted_is_void:
            table[table == _UNLISTED] = VOID
        return cls(table)

    def __call__(self, raw: UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]) -> Truth:
        """Map raw ids; an UnlistedIdsError if one is not listed."""
        truth, unlisted = np.empty(raw.shape, np.uint8), _Counts(_RAW_IDS)
        for rows in _bands(raw):
            ids = self.table[raw[rows]]
            truth[rows] = ids
            unlisted.add(raw[rows][ids == _UNLISTED])
        if text := unlisted.text("id", str):
            raise UnlistedIdsError(f"{text} not in the label map")
        return truth


@dataclass(frozen=True, eq=False)
class ColorMap:
    """The exact colors of classes, of unknown and of void, packed as 0xRRGGBB and sorted, and their ids."""

    colors: Int32[np.ndarray, " c"]
    ids: UInt8[np.ndarray, " c"]
    palette_of: str
    unlisted_is_void: bool = False

    @classmethod
    def of(
        cls,
        space: LabelSpace,
        *,
        unknown: Iterable[Color] = (),
        void: Iterable[Color] = (),
        unlisted_is_void: bool = False,
    ) -> "ColorMap":
        """Return the map of the palette's colors and of these; each has one role, or a ConfigError names two."""
        roles = [(color, i, space.classes[i]) for i, color in enumerate(space.palette)]
        roles += [(color, UNKNOWN, "unknown") for color in unknown]
        roles += [(color, VOID, "void") for color in void]
        names: dict[tuple[int, ...], str] = {}
        for color, i, name in roles:
            other = names.setdefault(tuple(color), name)
            if other is not name and i < UNKNOWN:
                raise ConfigError(
                    f"label space {space.name}: {other} and {name} have the same color, so masks cannot be read"
                )
            if other is not name:
                raise ConfigError(f"color {tuple(color)} is that of {other}, and listed as {name}; list it once")
        colors, ids = _pack(np.array([color for color, _, _ in roles], np.uint8)), [i for _, i, _ in roles]
        order = np.argsort(colors)
        return cls(colors[order], np.array(ids, np.uint8)[order], space.name, unlisted_is_void)

    def __call__(self, rgb: Image) -> Truth:
        """Map colors; an UnlistedIdsError if one is not in the palette, unless such pixels are void."""
        truth, unlisted = np.empty(rgb.shape[:2], np.uint8), _Counts(_RAW_COLORS)
        for rows in _bands(rgb):
            packed = _pack(rgb[rows])
            position = np.minimum(np.searchsorted(self.colors, packed), len(self.colors) - 1)
            is_unlisted = self.colors[position] != packed
            truth[rows] = np.where(is_unlisted, np.uint8(VOID), self.ids[position])
            if not self.unlisted_is_void:
                unlisted.add(packed[is_unlisted])
        if text := unlisted.text("color", lambda c: f"({c >> 16}, {c >> 8 & 255}, {c & 255})"):
            raise UnlistedIdsError(f"{text} not in {self.palette_of}'s palette")
        return truth


class _Counts:
    """The number of pixels of each value that is not listed. It takes memory when there is one."""

    def __init__(self, values: int) -> None:
        self._values = values
        self._counts = np.zeros(0, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count these."""
        if not values.size:
            return
        if not self._counts.size:
            self._counts = np.zeros(self._values, np.int64)
        found, numbers = np.unique(values, return_counts=True)
        self._counts[found] += numbers

    def text(self, kind: str, name: Callable[[int], str]) -> str:
        """Return `id 8 (12 pixels), id 9 (1 pixel) are`, with at most eight of them; nothing if there are none."""
        found = np.flatnonzero(self._counts)
        first = [(name(value), int(self._counts[value])) for value in found[:_MAX_NAMES].tolist()]
        texts = [f"{kind} {text} ({count_text(number, 'pixel')})" for text, number in first]
        more = f" and {len(found) - _MAX_NAMES} more" if len(found) > _MAX_NAMES else ""
        return f"{', '.join(texts)}{more} {'is' if len(found) == 1 else 'are'}" if texts else ""


def _bands(pixels: np.ndarray) -> Iterator[slice]:
    """Yield bands of rows: to look values up, NumPy makes copies of 64 bits."""
    yield from (slice(start, start + _ROWS) for start in range(0, len(pixels), _ROWS))


def _pack(rgb: UInt8[np.ndarray, "... 3"]) -> Int32[np.ndarray, "..."]:
    channels = rgb.astype(np.int32)
    return channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
