"""Surfaces of a street, gathered in any order and painted from far to near into one image of surface numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from reliseg.demo.world.camera import NEAR, Camera, Point, clip_to_near
from reliseg.types import Float32, Int32, UInt8

Colour = tuple[float, float, float]

(
    ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN, SKY, PERSON, RIDER, CAR, TRUCK, BUS,
    TRAIN, MOTORCYCLE, BICYCLE,
) = range(19)  # fmt: skip
"""The classes of Cityscapes."""

FLAT, ASPHALT, PAVING, GRASS, FACADE, FOLIAGE, BRICK, TILES, GLOSS = range(9)
"""Materials: how the colour of a surface varies over it."""

GROUND, FAR, HOUSES, GARDENS, BORDERS, STREET, NEARBY = 7e6, 6e6, 4e6, 3e6, 2e6, 0.0, -1e6
"""Layers, painted in this order; within a layer by distance."""

COLUMNS = 17
_RGB, _GLOW, _SNOW, _PLANE, _LOOK = slice(0, 3), 6, 7, slice(8, 11), slice(11, 17)


@dataclass(frozen=True)
class Paint:
    """Colour, class and material of a surface; `glow` is light of its own, `snow` how much snow stays on it."""

    colour: Colour
    label: int
    material: int = FLAT
    glow: float = 0.0
    snow: float = 0.0
    look: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def tint(self, factor: float) -> "Paint":
        """Return this paint, lighter or darker."""
        r, g, b = self.colour
        return replace(self, colour=(r * factor, g * factor, b * factor))

    def dye(self, colour: Colour) -> "Paint":
        """Return this paint in another colour, without material and glow."""
        return replace(self, colour=colour, material=FLAT, glow=0.0)


@dataclass(frozen=True)
class Light:
    """Where the sun stands (unit vector) and how strong it is: 0 is an overcast day.

    `clear` is its strength on the same street's clear day: what geometry may depend on.
    """

    direction: Point
    strength: float
    clear: float

    def on(self, normal: Point) -> float:
        """Return the brightness of a surface with this unit normal."""
        lit = sum(n * d for n, d in zip(normal, self.direction, strict=True))
        sky = 0.92 + 0.12 * normal[1]
        return sky * (1 - 0.36 * self.strength) + 0.78 * self.strength * max(0.0, lit)


@dataclass(frozen=True)
class Raster:
    """The number of the surface in each pixel, a row of properties for each surface, and shadows on the ground."""

    ids: Int32[np.ndarray, "h w"]
    table: Float32[np.ndarray, "n 17"]
    shadow: UInt8[np.ndarray, "h w"]
    camera: Camera
    lamps: list[Point]

    def column(self, name: str) -> Float32[np.ndarray, "n ..."]:
        """Return colour, light, label, material, glow, snow, plane or look of all surfaces."""
        places: dict[str, int | slice] = {"colour": _RGB, "light": 3, "label": 4, "material": 5}
        places |= {"glow": _GLOW, "snow": _SNOW, "plane": _PLANE, "look": _LOOK}
        return self.table[:, places[name]]


@dataclass
class Canvas:
    """Collects surfaces in camera coordinates; `raster` paints them."""

    camera: Camera
    light: Light
    size: tuple[int, int]
    lamps: list[Point] = field(default_factory=list)
    _rows: list[tuple[float, ...]] = field(default_factory=list)
    _items: list[tuple[float, int, int, list[tuple[float, float]]]] = field(default_factory=list)
    _shadows: list[tuple[list[tuple[float, float]], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows.append((0.0, 0.0, 0.0, 1.0, float(SKY), float(FLAT), *(0.0,) * (COLUMNS - 6)))

    def _add(
        self,
        key: float,
        paint: Paint,
        light: float,
        plane: tuple[float, float, float],
        shape: list[tuple[float, float]],
        width: int = 0,
    ) -> None:
        r, g, b = paint.colour
        self._items.append((-key, len(self._rows), width, shape))
        head = (r, g, b, light, float(paint.label), float(paint.material), paint.glow, paint.snow)
        self._rows.append(head + plane + paint.look)

    def _is_outside(self, shape: Sequence[tuple[float, float]], margin: float = 0.0) -> bool:
        height, width = self.size
        if any(-margin <= u <= width + margin and -margin <= v <= height + margin for u, v in shape):
            return False
        us, vs = [u for u, _ in shape], [v for _, v in shape]
        beside = max(us) < -margin or min(us) > width + margin
        return beside or max(vs) < -margin or min(vs) > height + margin

    def fill(self, points: list[Point], paint: Paint, key: float, *, light: float = 1.0, flat: bool = False) -> None:
        """Add a planar polygon; `flat` gives it the depth of its middle everywhere."""
        points = clip_to_near(points)
        if len(points) < 3:
            return
        shape = [self.camera.project(point) for point in points]
        if self._is_outside(shape):
            return
        plane = None if flat else self.camera.plane(points[0], points[1], points[2])
        middle = len(points) / sum(point[2] for point in points)
        self._add(key, paint, light, plane or (0.0, 0.0, middle), shape)

    def face(self, points: list[Point], inside: Point, paint: Paint, key: float) -> None:
        """Add a planar polygon of a body around `inside`: its direction sets its light; facing away, it is left out."""
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[:3]
        ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        norm = (nx * nx + ny * ny + nz * nz) ** 0.5
        if nx * (ax - inside[0]) + ny * (ay - inside[1]) + nz * (az - inside[2]) < 0:
            norm = -norm
        if norm == 0 or (nx * ax + ny * (ay - self.camera.height) + nz * az) / norm >= 0:
            return
        self.fill(points, paint, key, light=self.light.on((nx / norm, ny / norm, nz / norm)))

    def stroke(self, points: list[Point], width: float, paint: Paint, key: float, *, light: float = 1.0) -> None:
        """Add a line; its width is in metres."""
        nearest = min(point[2] for point in points)
        if nearest < NEAR:
            return
        shape = [self.camera.project(point) for point in points]
        middle = len(points) / sum(point[2] for point in points)
        pixels = max(1, round(width * self.camera.focal * middle))
        if not self._is_outside(shape, pixels):
            self._add(key, paint, light, (0.0, 0.0, middle), shape, pixels)

    def disc(self, centre: Point, wide: float, high: float, paint: Paint, key: float, *, light: float = 1.0) -> None:
        """Add an upright ellipse that faces the camera, with half axes in metres."""
        if centre[2] < NEAR:
            return
        u, v = self.camera.project(centre)
        scale = self.camera.focal / centre[2]
        shape = [(u - wide * scale, v - high * scale), (u + wide * scale, v + high * scale)]
        if not self._is_outside(shape):
            self._add(key, paint, light, (0.0, 0.0, 1 / centre[2]), shape, -1)

    def shade(self, footprint: list[Point], height: float, contact: float = 0.55) -> None:
        """Darken the ground below a thing, and where its shadow falls if the sun shines."""
        self._shadow(footprint, contact)
        if self.light.strength > 0.15:
            x, y, z = self.light.direction
            reach = height / max(y, 0.2)
            cast = [(px - x * reach, 0.0, pz - z * reach) for px, _, pz in footprint]
            self._shadow(hull([(px, pz) for px, _, pz in footprint + cast]), 0.50 * self.light.strength)

    def _shadow(self, points: list[Point], strength: float) -> None:
        points = clip_to_near(points)
        if len(points) >= 3:
            shape = [self.camera.project(point) for point in points]
            if not self._is_outside(shape):
                half_size = [(u / 2, v / 2) for u, v in shape]
                self._shadows.append((half_size, round(255 * strength)))

    def raster(self) -> Raster:
        """Paint all surfaces from far to near."""
        height, width = self.size
        image = Image.new("I", (width, height), 0)
        pen = ImageDraw.Draw(image)
        for _, number, kind, shape in sorted(self._items):
            if kind == 0:
                pen.polygon(shape, fill=number)
            elif kind < 0:
                pen.ellipse(shape, fill=number)
            else:
                pen.line(shape, fill=number, width=kind)
        shadow = Image.new("L", (width // 2, height // 2), 0)
        pen = ImageDraw.Draw(shadow)
        for shape, strength in sorted(self._shadows, key=lambda item: item[1]):
            pen.polygon(shape, fill=strength)
        soft = shadow.filter(ImageFilter.BoxBlur(1.5)).resize((width, height), Image.Resampling.NEAREST)
        table = np.array(self._rows, np.float32)
        return Raster(np.asarray(image), table, np.asarray(soft), self.camera, self.lamps)


def hull(points: list[tuple[float, float]]) -> list[Point]:
    """Return the convex hull, on the ground, of places (right, ahead)."""
    ordered = sorted(set(points))
    chains: list[list[tuple[float, float]]] = []
    for sequence in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for x, z in sequence:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, z)) <= 0:
                chain.pop()
            chain.append((x, z))
        chains.append(chain[:-1])
    return [(x, 0.0, z) for x, z in chains[0] + chains[1]]


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
