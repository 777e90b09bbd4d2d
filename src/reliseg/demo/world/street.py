"""The plan of a street, and its ground: carriageway, markings, rails, kerbs, pavements and verges."""

from dataclasses import dataclass

import numpy as np

from reliseg.demo.world.camera import NEAR, Camera, Point
from reliseg.demo.world.canvas import ASPHALT, FLAT, GRASS, GROUND, PAVING, ROAD, SIDEWALK, TERRAIN, Canvas, Paint

END = 170.0
"""Metres ahead at which the street ends."""
KERB = 0.12


@dataclass(frozen=True)
class Side:
    """One side of the street; distances in metres from the street's middle, `sign` is -1 for the left."""

    sign: int
    verge: float
    walk: float
    edge: float
    line: float
    style: str


@dataclass(frozen=True)
class Layout:
    """The measures by which the ground and the things on it are placed."""

    half: float
    lanes: int
    parking: bool
    rails: bool
    crossing: tuple[float, float] | None
    sides: tuple[Side, Side]

    def open_at(self, z: float) -> bool:
        """Tell if a side street meets this one at `z`."""
        return self.crossing is not None and self.crossing[0] - 1 < z < self.crossing[1] + 1


def plan(rng: np.random.Generator) -> Layout:
    """Choose a street's plan."""
    rails, parking = bool(rng.random() < 0.5), bool(rng.random() < 0.55)
    lanes = int(rng.integers(1, 3)) if not rails else 2
    half = lanes * float(rng.uniform(3.0, 3.5)) + 2.1 * parking
    start = float(rng.uniform(18.0, 55.0))
    crossing = (start, start + float(rng.uniform(8, 12))) if rng.random() < 0.6 else None
    sides = (_side(rng, -1, half), _side(rng, 1, half))
    return Layout(half, lanes, parking, rails, crossing, sides)


def _side(rng: np.random.Generator, sign: int, half: float) -> Side:
    style = ("urban", "urban", "suburb", "park")[int(rng.integers(4))]
    verge = float(rng.uniform(1.2, 3.0)) if rng.random() < (0.25 if style == "urban" else 0.65) else 0.0
    walk = float(rng.uniform(2.0, 4.2))
    edge = half + verge + walk
    garden = {"urban": 0.0, "suburb": float(rng.uniform(3, 8)), "park": float(rng.uniform(6, 14))}[style]
    return Side(sign, verge, walk, edge, edge + garden, style)


def draw_ground(camera: Camera, rng: np.random.Generator, canvas: Canvas, layout: Layout) -> None:
    """Draw all of the ground."""
    grass = Paint(_grass_colour(rng), TERRAIN, GRASS, snow=0.95)
    tone = float(rng.uniform(0.37, 0.48))
    asphalt = Paint((tone, tone, tone * 1.03), ROAD, ASPHALT, snow=0.72)
    light = float(rng.uniform(0.56, 0.68))
    slabs = Paint((light * 1.02, light * 0.99, light * 0.95), SIDEWALK, PAVING, snow=0.92)
    kerb = Paint((light * 1.12, light * 1.10, light * 1.08), SIDEWALK, FLAT, snow=0.6)
    up = canvas.light.on((0.0, 1.0, 0.0))
    ground = Strips(camera, canvas, up)
    for side in layout.sides:
        base = slabs if side.style == "urban" else grass
        ground.strip(0.0, side.sign * 140.0, NEAR, 400.0, base)
    half = layout.half
    ground.strip(-half, half, NEAR, 400.0, asphalt)
    _repairs(rng, ground, half, asphalt)
    if layout.rails:
        _rails(ground, layout)
    _markings(rng, ground, layout)
    for side in layout.sides:
        for z0, z1 in _stretches(layout):
            _pavement(ground, side, (z0, z1), half, slabs, kerb, grass)
    if layout.crossing:
        z0, z1 = layout.crossing
        for sign in (-1.0, 1.0):
            ground.strip(sign * half, sign * 140.0, z0, z1, asphalt)


def _grass_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    dry = float(rng.uniform(0, 1))
    return (0.28 + 0.20 * dry, 0.40 + 0.03 * dry, 0.15 + 0.07 * dry)


def _stretches(layout: Layout) -> list[tuple[float, float]]:
    if layout.crossing is None:
        return [(NEAR, 400.0)]
    return [(layout.crossing[1], 400.0), (NEAR, layout.crossing[0])]


@dataclass(frozen=True)
class Strips:
    """Draws bands along the street."""

    camera: Camera
    canvas: Canvas
    light: float

    def strip(self, s0: float, s1: float, z0: float, z1: float, paint: Paint, y: float = 0.0) -> None:
        """Draw a level band between two distances from the middle."""
        self.band((s0, y), (s1, y), z0, z1, paint)

    def band(self, a: tuple[float, float], b: tuple[float, float], z0: float, z1: float, paint: Paint) -> None:
        """Draw a band between two lines along the street, each (s, height)."""
        z0, z1 = max(z0, NEAR), min(z1, 400.0)
        if z1 <= z0:
            return
        count = 2 if z1 - z0 < 6 else 14
        zs = [z0 * (z1 / z0) ** (i / (count - 1)) for i in range(count)]
        points: list[Point] = [self.camera.road(a[0], z, a[1]) for z in zs]
        points += [self.camera.road(b[0], z, b[1]) for z in reversed(zs)]
        level = a[1] == b[1]
        self.canvas.fill(points, paint, GROUND, light=self.light * (1.0 if level else 0.82))


def _pavement(
    ground: Strips, side: Side, span: tuple[float, float], half: float, slabs: Paint, kerb: Paint, grass: Paint
) -> None:
    sign, (z0, z1) = side.sign, span
    ground.band((sign * half, 0.0), (sign * half, KERB), z0, z1, kerb.tint(0.75))
    ground.strip(sign * half, sign * (half + 0.18), z0, z1, kerb, KERB)
    inner = half + 0.18
    if side.verge:
        ground.strip(sign * inner, sign * (half + side.verge), z0, z1, grass, KERB)
        inner = half + side.verge
    ground.strip(sign * inner, sign * side.edge, z0, z1, slabs, KERB)
    if side.style == "urban":
        ground.strip(sign * side.edge, sign * 140.0, z0, z1, slabs, KERB)


def _repairs(rng: np.random.Generator, ground: Strips, half: float, asphalt: Paint) -> None:
    for _ in range(int(rng.integers(0, 6))):
        s, z = float(rng.uniform(-half, half - 1)), float(rng.uniform(3, 35))
        wide, long = float(rng.uniform(0.4, 1.8)), float(rng.uniform(0.6, 6))
        patch = asphalt.tint(float(rng.choice([0.82, 0.88, 1.1])))
        ground.strip(s, min(s + wide, half), z, z + long, patch)
    iron = Paint((0.22, 0.21, 0.20), ROAD, FLAT, snow=0.6)
    for _ in range(int(rng.integers(0, 4))):
        s, z = float(rng.uniform(-half + 0.6, half - 0.6)), float(rng.uniform(4, 25))
        ring = [ground.camera.road(s + 0.32 * np.cos(t), z + 0.32 * np.sin(t)) for t in np.linspace(0, 6.28, 13)]
        ground.canvas.fill(ring, iron, GROUND, light=ground.light)


def _rails(ground: Strips, layout: Layout) -> None:
    bed = Paint((0.43, 0.42, 0.40), ROAD, PAVING, snow=0.7)
    steel = Paint((0.58, 0.58, 0.60), ROAD, FLAT, snow=0.2)
    for middle in (-1.6, 1.6):
        ground.strip(middle - 1.15, middle + 1.15, NEAR, 400.0, bed)
        for offset in (-0.72, 0.72):
            s = middle + offset
            ground.strip(s - 0.09, s + 0.09, NEAR, 200.0, bed.tint(0.5))
            ground.strip(s - 0.045, s + 0.045, NEAR, 200.0, steel)


def _markings(rng: np.random.Generator, ground: Strips, layout: Layout) -> None:
    wear = float(rng.uniform(0.62, 0.85))
    white = Paint((wear, wear, wear), ROAD, ASPHALT, snow=0.72)
    half, drive = layout.half, layout.half - 2.1 * layout.parking
    if layout.parking:
        for sign in (-1, 1):
            _dashes(ground, sign * drive, 1.0, 1.5, white, layout)
    solid = rng.random() < 0.3
    if not layout.rails:
        _dashes(ground, 0.0, *((6.0, 0.0) if solid else (3.0, 5.0)), white, layout)
    if layout.lanes == 2:
        for sign in (-1, 1):
            _dashes(ground, sign * (0.5 * drive + 0.5 * layout.rails), 2.0, 5.0, white, layout)
    if not layout.parking:
        for sign in (-1, 1):
            _dashes(ground, sign * (half - 0.35), 8.0, 0.0, white, layout)
    if layout.crossing and rng.random() < 0.75:
        _zebra(ground, layout.crossing[0] - 4.5, half, white)
        _zebra(ground, layout.crossing[1] + 1.2, half, white)
        ground.strip(0.1, drive, layout.crossing[0] - 6.2, layout.crossing[0] - 5.7, white)
    elif rng.random() < 0.35:
        _zebra(ground, float(rng.uniform(10, 28)), half, white)
    if rng.random() < 0.4:
        _arrow(ground, 0.5 * drive, float(rng.uniform(7, 14)), white)


def _dashes(ground: Strips, s: float, on: float, off: float, paint: Paint, layout: Layout) -> None:
    z = 1.0
    while z < 90:
        if not layout.open_at(z) and not layout.open_at(z + on):
            ground.strip(s - 0.07, s + 0.07, z, z + on, paint)
        z += on + off


def _zebra(ground: Strips, z: float, half: float, paint: Paint) -> None:
    s = -half + 0.4
    while s < half - 0.5:
        ground.strip(s, s + 0.5, z, z + 3.0, paint)
        s += 1.0


def _arrow(ground: Strips, s: float, z: float, paint: Paint) -> None:
    ground.strip(s - 0.08, s + 0.08, z, z + 2.6, paint)
    head = [ground.camera.road(s + ds, z + dz) for ds, dz in ((-0.4, 2.6), (0.4, 2.6), (0.0, 4.2))]
    ground.canvas.fill(head, paint, GROUND, light=ground.light)
