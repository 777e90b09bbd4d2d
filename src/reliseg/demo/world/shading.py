"""From surface numbers to a picture: colours, textures, shadows, sky, and depth."""

from dataclasses import dataclass

import numpy as np

from reliseg.demo.world.camera import Camera, Point
from reliseg.demo.world.canvas import BRICK, ROAD, SIDEWALK, TERRAIN, Raster
from reliseg.demo.world.textures import LIT, PLAIN, Spots, Values, noise_tile
from reliseg.types import Float, Int64, UInt8

Picture = Float[np.ndarray, "h w 3"]
Plane = Float[np.ndarray, "h w"]


@dataclass(frozen=True)
class Sky:
    """Colours of the sky above and at the horizon, and how much of it clouds cover (0 none, 1 all)."""

    top: tuple[float, float, float]
    low: tuple[float, float, float]
    clouds: float
    white: float
    drift: tuple[float, float]


@dataclass(frozen=True)
class View:
    """The scene by daylight, with all that the weather needs to know of its pixels."""

    day: Picture
    truth: UInt8[np.ndarray, "h w"]
    depth: Plane
    glow: Picture
    snow: Plane
    camera: Camera
    lamps: list[Point]


def _halve(image: Float[np.ndarray, "h w ..."]) -> Float[np.ndarray, "i j ..."]:
    total: Float[np.ndarray, "i j ..."] = image[0::2, 0::2] + image[0::2, 1::2]
    total += image[1::2, 0::2]
    total += image[1::2, 1::2]
    total *= np.float32(0.25)
    return total


def _inverse_depth(raster: Raster) -> Plane:
    height, width = raster.ids.shape
    p, q, r = (np.ascontiguousarray(c) for c in raster.column("plane").T)
    inverse = p.take(raster.ids)
    inverse *= np.arange(width, dtype=np.float32) + np.float32(0.5)
    slope = q.take(raster.ids)
    slope *= (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    inverse += slope
    inverse += r.take(raster.ids)
    np.clip(inverse, 1 / 450, 2.0, out=inverse)
    inverse[raster.ids == 0] = 0
    return inverse


def _places(index: Int64[np.ndarray, " p"], width: int) -> tuple[Values, Values]:
    """Return row and column of flat indices."""
    small = index.astype(np.int32)
    rows = small // np.int32(width)
    return rows.astype(np.float32), (small - rows * np.int32(width)).astype(np.float32)


def _apply_textures(raster: Raster, colour: Picture, inverse: Plane, glow: Picture | None) -> None:
    flat, ids = colour.reshape(-1, 3), raster.ids.ravel()
    material = raster.column("material").astype(np.uint8).take(ids)
    camera, width = raster.camera, raster.ids.shape[1]
    looks, lights = raster.column("look"), np.ascontiguousarray(raster.column("light"))
    for number in sorted({*PLAIN, *LIT}):
        index = np.flatnonzero(material == number)
        if not len(index):
            continue
        rows, columns = _places(index, width)
        ahead = 1 / inverse.ravel().take(index)
        right = (columns - np.float32(camera.centre)) * ahead / np.float32(camera.focal)
        up = np.float32(camera.height) - (rows - np.float32(camera.horizon)) * ahead / np.float32(camera.focal)
        street = right - (
            np.float32(camera.yaw) * ahead + np.float32(0.5 * camera.bend) * ahead * ahead - np.float32(camera.shift)
        )
        own = ids.take(index)
        look = looks[own] if number in LIT or number == BRICK else looks[:0]
        spots = Spots(flat.take(index, 0), right, street, up, ahead, look, lights[own], camera.focal)
        if number in LIT:
            lit = LIT[number](spots)
            if glow is not None:
                glow.reshape(-1, 3)[index] += lit[:, None] * np.array([0.85, 0.62, 0.32], np.float32)
        else:
            PLAIN[number](spots)
        flat[index] = spots.colour


def _paint_sky(raster: Raster, colour: Picture, sky: Sky) -> None:
    index = np.flatnonzero(raster.ids.ravel() == 0)
    camera, width = raster.camera, raster.ids.shape[1]
    rows, columns = _places(index, width)
    high = np.maximum((np.float32(camera.horizon) - rows) / np.float32(camera.focal), 0).astype(np.float32)
    blend = (1 - np.exp(-8.0 * high)).astype(np.float32)[:, None]
    shade = np.array(sky.low, np.float32) * (1 - blend) + np.array(sky.top, np.float32) * blend
    if sky.clouds > 0:
        away = 1 / (high + np.float32(0.12))
        a = (columns - np.float32(camera.centre)) / np.float32(camera.focal) * away * 62 + np.float32(sky.drift[0])
        b = away * 70 + np.float32(sky.drift[1])
        tile = noise_tile(1.6)
        a0, b0 = np.floor(a).astype(np.int32), np.floor(b).astype(np.int32)
        fa, fb = a - a0, b - b0
        corner = [tile[(b0 + i) & 511, (a0 + j) & 511] for i in (0, 1) for j in (0, 1)]
        value = (corner[0] * (1 - fa) + corner[1] * fa) * (1 - fb) + (corner[2] * (1 - fa) + corner[3] * fa) * fb
        billow = tile[(2 * b0 + 99) & 511, (2 * a0) & 511] * np.float32(0.35)
        cover = np.clip(1.1 * (value + billow + 4.4 * sky.clouds - 2.2), 0, 1)[:, None]
        shadow = 0.10 * np.clip(value + 2.2 * sky.clouds - 1.3, -0.2, 2) - 0.05 * billow
        puff = sky.white * (1 - shadow)[:, None] * np.array([0.98, 0.99, 1.0], np.float32)
        shade = shade * (1 - cover) + puff * cover
    colour.reshape(-1, 3)[index] = shade


def view(raster: Raster, sky: Sky, *, night: bool, snow: bool) -> View:
    """Shade at the raster's size, then halve it; glow is computed for nights only, snow for snow only."""
    ids = raster.ids
    table = raster.column("colour") * raster.column("light")[:, None]
    colour = table.take(ids, axis=0)
    inverse = _inverse_depth(raster)
    glow = (raster.column("colour") * raster.column("glow")[:, None])[ids] if night else None
    _apply_textures(raster, colour, inverse, glow)
    label = raster.column("label").astype(np.uint8)
    level = np.isin(label, (ROAD, SIDEWALK, TERRAIN))
    dark = np.flatnonzero((raster.shadow > 0) & level[ids])
    colour.reshape(-1, 3)[dark] *= 1 - raster.shadow.ravel()[dark, None] * np.float32(1 / 255)
    _paint_sky(raster, colour, sky)
    small = inverse[1::2, 1::2]
    depth = np.full(small.shape, np.inf, np.float32)
    np.divide(1, small, out=depth, where=small > 0)
    day = _halve(colour)
    white = np.ascontiguousarray(raster.column("snow"))[ids] if snow else None
    camera = raster.camera
    half_camera = Camera(
        camera.focal / 2, camera.centre / 2, camera.horizon / 2, camera.height, camera.yaw, camera.bend, camera.shift
    )
    return View(
        day,
        label[ids[1::2, 1::2]],
        depth,
        np.zeros_like(day) if glow is None else _halve(glow),
        np.zeros(day.shape[:2], np.float32) if white is None else _halve(white),
        half_camera,
        raster.lamps,
    )
