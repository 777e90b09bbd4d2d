"""Tileable noise, and how the materials of surfaces vary over them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reliseg.demo.world.canvas import ASPHALT, BRICK, FACADE, FOLIAGE, GLOSS, GRASS, PAVING, TILES
from reliseg.types import Float, Float32

Values = Float[np.ndarray, " p"]
Colours = Float32[np.ndarray, "p 3"]

TILE = 512


@lru_cache
def noise_tile(slope: float) -> Float32[np.ndarray, "t t"]:
    """Return a tile of noise with amplitude falling as frequency ** -slope; mean 0, deviation 1."""
    rng = np.random.default_rng(round(100 * slope))
    white = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :])
    frequency[0, 0] = 1.0
    white *= frequency**-slope
    white[0, 0] = 0.0
    tile = np.fft.irfft2(white, (TILE, TILE))
    even: Float32[np.ndarray, "t t"] = (tile / tile.std()).astype(np.float32)
    return even


def sample_noise(slope: float, a: Values, b: Values, scale: float) -> Values:
    """Return noise at places (a, b), with `scale` cells of the tile per unit."""
    columns = (a * np.float32(scale)).astype(np.int32) & (TILE - 1)
    rows = (b * np.float32(scale)).astype(np.int32) & (TILE - 1)
    values: Values = noise_tile(slope).ravel()[rows * TILE + columns]
    return values


@dataclass(frozen=True)
class Spots:
    """Pixels of one material: colour (changed in place), position in the world; look, if the material has any."""

    colour: Colours
    right: Values
    street: Values
    up: Values
    ahead: Values
    look: Float32[np.ndarray, "q 6"]
    light: Values
    focal: float

    def scale(self, factor: Values) -> None:
        """Make the pixels lighter or darker."""
        self.colour[:] *= factor[:, None]


def asphalt(spots: Spots) -> None:
    """Vary asphalt: grain that fades with distance, and large stains."""
    grain = sample_noise(0.3, spots.street, spots.ahead, 36.0) / (1 + 0.05 * spots.ahead)
    stains = sample_noise(1.3, spots.street, spots.ahead, 11.0)
    spots.scale(1 + 0.065 * grain + 0.055 * stains)


def paving(spots: Spots) -> None:
    """Vary paving: slabs with joints."""
    a, b = spots.street / np.float32(0.6), spots.ahead / np.float32(0.8)
    joint = (a - np.floor(a) < 0.06) | (b - np.floor(b) < 0.06)
    fade = np.clip(1.4 - spots.ahead / 14, 0, 1)
    slab = sample_noise(0.0, np.floor(a), np.floor(b), 1.0)
    stains = sample_noise(1.2, spots.street, spots.ahead, 13.0)
    spots.scale(1 + 0.05 * stains + (0.035 * slab - 0.24 * joint) * fade)


def grass(spots: Spots) -> None:
    """Vary grass: tufts."""
    fine = sample_noise(0.5, spots.street, spots.ahead, 30.0) / (1 + 0.03 * spots.ahead)
    broad = sample_noise(1.3, spots.street, spots.ahead, 16.0)
    spots.scale(1 + 0.17 * fine + 0.13 * broad)
    spots.colour[:, 0] *= 1 + 0.08 * broad


def foliage(spots: Spots) -> None:
    """Vary foliage: leaves."""
    leaves = sample_noise(0.6, spots.right + 0.7 * spots.ahead, spots.up, 17.0)
    spots.scale(np.clip(1 + 0.25 * leaves, 0.45, 1.7))
    spots.colour[:, 0] *= 1 + 0.07 * leaves


def brick(spots: Spots) -> None:
    """Vary walls: courses of stone or brick."""
    along = np.where(spots.look[:, 5] > 0.5, spots.ahead, spots.right)
    b = spots.up / np.float32(0.2)
    course = np.floor(b)
    a = along / np.float32(0.5) + 0.5 * (course % 2)
    joint = (b - course < 0.12) | (a - np.floor(a) < 0.06)
    fade = np.clip(1.3 - spots.ahead / 22, 0, 1)
    stone = sample_noise(0.0, np.floor(a), course, 1.0)
    spots.scale(1 + (0.08 * stone - 0.22 * joint) * fade + 0.07 * sample_noise(1.2, along, spots.up, 24.0))


def tiles(spots: Spots) -> None:
    """Vary roofs: rows of tiles."""
    row = spots.up / np.float32(0.3)
    spots.scale(1 - 0.15 * (row - np.floor(row)) + 0.07 * sample_noise(0.8, spots.ahead + spots.right, spots.up, 20.0))


def gloss(spots: Spots) -> None:
    """Vary lacquer: lighter towards the top, with a faint mirrored horizon."""
    spots.scale(0.84 + 0.15 * np.clip(spots.up, 0, 2.2) - 0.08 * (np.abs(spots.up - 0.62) < 0.10))


def facade(spots: Spots) -> Values:
    """Vary facades: windows, shop fronts and plaster; return how brightly each pixel is lit from inside at night."""
    bay, floor, ground, seed, share, side = spots.look.T
    along = np.where(side > 0.5, spots.ahead, spots.right) + seed
    shop = spots.up < ground
    bay = np.where(shop, 1.9 * bay, bay)
    column = np.floor(along / bay)
    across = np.abs(along / bay - column - 0.5)
    level = np.where(shop, spots.up / np.maximum(ground, 1), (spots.up - ground) / floor)
    storey = np.floor(level)
    level -= storey
    half = np.where(shop, 0.43, 0.5 * share)
    low, high = np.where(shop, 0.13, 0.24), np.where(shop, 0.74, 0.82)
    glass = (across < half) & (level > low) & (level < high)
    frame = (across < half + 0.045) & (level > low - 0.05) & (level < high + 0.05) & ~glass
    frame |= glass & (across < np.where(shop, 0.0, 0.016))
    chance = sample_noise(0.0, column + seed, storey + 3 * seed, 1.0)
    foot = np.where(side > 0.5, spots.ahead**2 / (np.abs(spots.right) + 1), spots.ahead) / spots.focal
    clear = np.clip(1.5 - 2.2 * foot / bay, 0, 1)
    awning = shop & (level > 0.78) & (level < 0.93)
    plaster = 1 + 0.055 * sample_noise(1.2, along, spots.up, 14.0) - 0.10 * (spots.up < 0.6) - 0.06 * (level < 0.03)
    plaster += clear * (0.16 * frame - 0.42 * (awning & (chance > 0)))
    spots.scale(plaster)
    pane = 0.15 + 0.20 * np.clip(level - 0.3 + 0.25 * chance, 0, 1) + 0.28 * (chance > 1.1) * (level > 0.45)
    tint = np.array([0.88, 0.98, 1.10], np.float32)
    mix = np.where(clear >= 1, glass, clear * glass + (1 - clear) * 0.34).astype(np.float32)[:, None]
    spots.colour[:] = (1 - mix) * spots.colour + mix * (pane * (0.45 + 0.55 * spots.light))[:, None] * tint
    lit: Values = mix[:, 0] * np.where(shop, chance > -0.2, chance > 0.75)
    return lit


PLAIN: dict[int, Callable[[Spots], None]] = {
    ASPHALT: asphalt, PAVING: paving, GRASS: grass, FOLIAGE: foliage, BRICK: brick, TILES: tiles, GLOSS: gloss
}  # fmt: skip
LIT: dict[int, Callable[[Spots], Values]] = {FACADE: facade}
