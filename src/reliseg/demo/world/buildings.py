"""The sides of a street: houses, walls, fences, hedges, and the skyline behind them."""

from itertools import pairwise

import numpy as np

from reliseg.demo.world.camera import Camera, Point
from reliseg.demo.world.canvas import (
    BORDERS,
    BRICK,
    BUILDING,
    FACADE,
    FAR,
    FENCE,
    FLAT,
    FOLIAGE,
    GARDENS,
    HOUSES,
    TILES,
    VEGETATION,
    WALL,
    Canvas,
    Colour,
    Paint,
)
from reliseg.demo.world.furniture import bush, tree
from reliseg.demo.world.street import END, Layout, Side

PLASTER: tuple[Colour, ...] = (
    (0.72, 0.66, 0.56), (0.78, 0.74, 0.66), (0.62, 0.52, 0.42), (0.58, 0.36, 0.30), (0.52, 0.50, 0.48),
    (0.70, 0.58, 0.40), (0.66, 0.68, 0.68), (0.48, 0.30, 0.25), (0.76, 0.62, 0.52), (0.60, 0.62, 0.56),
)  # fmt: skip


class Builder:
    """Builds along the sides of a street, from the camera to its end."""

    def __init__(self, camera: Camera, canvas: Canvas, rng: np.random.Generator, layout: Layout) -> None:
        self.camera, self.canvas, self.rng, self.layout = camera, canvas, rng, layout

    def skyline(self) -> None:
        """Draw trees and roofs beyond the end of the street, and what closes it."""
        rng = self.rng
        for z, low in ((300.0, 5.0), (240.0, 3.0)):
            x = -1.1 * z
            while x < 1.1 * z:
                wide, high = float(rng.uniform(10, 34)), low + float(rng.uniform(0, 9))
                grey = float(rng.uniform(0.50, 0.62))
                if rng.random() < 0.5:
                    paint = Paint((grey, grey * 1.01, grey * 1.04), BUILDING, snow=0.1)
                    shape = [(x, -4.0, z), (x + wide, -4.0, z), (x + wide, high, z), (x, high, z)]
                else:
                    paint = Paint((0.32, 0.41, 0.32), VEGETATION, FOLIAGE, snow=0.3)
                    arc = np.linspace(0, np.pi, 8)
                    shape = [(x + wide * (0.5 - 0.8 * float(np.cos(t))), high * float(np.sin(t)) - 1, z) for t in arc]
                self.canvas.fill(shape, paint, FAR + z, flat=True)
                x += 0.75 * wide
        if rng.random() < 0.4:
            z = float(rng.uniform(110, END))
            x = self.camera.road(0, z)[0]
            self._block((x - 45, z), (x + 45, z), float(rng.uniform(9, 18)), FAR)

    def side(self, side: Side) -> None:
        """Build one side of the street."""
        z = -6.0
        while z < END:
            crossing = self.layout.crossing
            if crossing and crossing[0] - 2 <= z < crossing[1] + 1:
                z = crossing[1] + 1.0
            stop = crossing[0] - 1.0 if crossing and z < crossing[0] else END
            z1 = min(z + float(self.rng.uniform(9, 22)), stop)
            corner = crossing is not None and z == crossing[1] + 1.0
            if z1 - z > 3:
                self._plot(side, z, z1, corner)
            z = max(z1, z + 2.0)

    def _plot(self, side: Side, z0: float, z1: float, corner: bool) -> None:
        kinds = {
            "urban": (("house", 0.84), ("wall", 0.92), ("fence", 1.0)),
            "suburb": (("villa", 0.78), ("green", 1.0)),
            "park": (("green", 0.75), ("villa", 1.0)),
        }[side.style]
        draw = self.rng.random()
        kind = next(name for name, bound in kinds if draw < bound)
        if kind == "house":
            self._house(side, z0, z1, side.line, float(self.rng.uniform(8, 19)), 40.0 if corner else 11.0)
        elif kind == "villa":
            self._villa(side, z0, z1)
        else:
            self._greens(side, z0, z1, 5 if kind == "green" else 2)
        if kind in ("wall", "fence") or (kind != "house" and self.rng.random() < 0.85):
            self._border(side, z0, z1, kind)

    def _border(self, side: Side, z0: float, z1: float, kind: str) -> None:
        s = side.sign * (side.edge + 0.15)
        draw = 0.1 if kind == "wall" else 0.5 if kind == "fence" else self.rng.random()
        if draw < 0.36:
            self._wall(s, z0, z1)
        elif draw < 0.76:
            self._fence(s, z0, z1)
        else:
            for z in np.arange(z0, z1, 1.1):
                bush(self.canvas, self.rng, self.camera.road(s * 1.03, float(z)), 0.85, BORDERS + float(z))

    def _greens(self, side: Side, z0: float, z1: float, count: int) -> None:
        for _ in range(count):
            z, s = float(self.rng.uniform(z0, z1)), side.edge + float(self.rng.uniform(1.5, 14))
            if z < 2:
                continue
            place = self.camera.road(side.sign * s, z)
            key = GARDENS + z + s
            if self.rng.random() < 0.35:
                bush(self.canvas, self.rng, place, float(self.rng.uniform(0.7, 1.6)), key)
            else:
                tree(self.canvas, self.rng, place, float(self.rng.uniform(6, 13)), key)

    def _facade_paint(self, floor: float, ground: float) -> Paint:
        rng = self.rng
        tone = float(rng.uniform(0.86, 1.08))
        r, g, b = PLASTER[int(rng.integers(len(PLASTER)))]
        bay = float(rng.uniform(1.7, 3.0))
        look = (bay, floor, ground, float(rng.integers(1, 4000)), float(rng.uniform(0.36, 0.62)), 0.0)
        return Paint((r * tone, g * tone, b * tone), BUILDING, FACADE, snow=0.05, look=look)

    def _house(self, side: Side, z0: float, z1: float, line: float, height: float, deep: float) -> None:
        rng = self.rng
        floor = float(rng.uniform(2.9, 3.5))
        ground = float(rng.uniform(3.4, 4.2)) if side.style == "urban" and rng.random() < 0.7 else 0.0
        height = ground + floor * max(1, round((height - ground) / floor)) + 0.5
        paint = self._facade_paint(floor, ground)
        s, far = side.sign * line, side.sign * (line + deep)
        key = HOUSES + z0
        road = self.camera.road
        self._sheet([road(s, z0), road(far, z0)], 0.0, height, paint, key, (0.0, 0.0, -1.0))
        pieces = max(1, round((z1 - z0) / 9))
        spots = [z0 + (z1 - z0) * i / pieces for i in range(pieces + 1)]
        out = (-float(side.sign), 0.0, 0.0)
        trim = Paint(paint.tint(1.13).colour, BUILDING, FLAT, snow=0.9)
        mansard = rng.random() < 0.5
        slate = Paint(((0.30, 0.29, 0.31), (0.42, 0.26, 0.21))[int(rng.integers(2))], BUILDING, TILES, snow=0.85)
        if mansard:
            step = s + side.sign * 0.9
            end = [
                road(s, z0, height),
                road(far, z0, height),
                road(far, z0, height + 2.4),
                road(step, z0, height + 2.4),
            ]
            self.canvas.fill(end, Paint(paint.colour, BUILDING), key, light=self.canvas.light.on((0.0, 0.0, -1.0)))
        for a, b in reversed(list(pairwise(spots))):
            self._sheet([road(s, a), road(s, b)], 0.0, height, paint, key, out)
            if mansard:
                top = [road(s, a, height), road(s, b, height), road(s + side.sign * 0.9, b, height + 2.4)]
                roof = [*top, road(s + side.sign * 0.9, a, height + 2.4)]
                self.canvas.fill(roof, slate, key, light=self.canvas.light.on((out[0] * 0.9, 0.4, 0.0)))
            jut = s - side.sign * 0.22
            for low, high in ((height - 0.35, height), (ground - 0.3, ground))[: 2 if ground else 1]:
                self._sheet([road(jut, a), road(jut, b)], low, high, trim, key, out)
        self._shadow_of(side, s, z0, z1, height)

    def _shadow_of(self, side: Side, s: float, z0: float, z1: float, height: float) -> None:
        if self.canvas.light.direction[0] * side.sign > 0.1 and z1 > 1:
            road = self.camera.road
            base = [road(s, max(z0, 0.8)), road(s, z1)]
            self.canvas.shade([*base, *(road(s + side.sign, z) for z in (z1, max(z0, 0.8)))], height, 0.0)

    def _sheet(self, foot: list[Point], low: float, high: float, paint: Paint, key: float, normal: Point) -> None:
        """Draw an upright rectangle over two points of the ground."""
        (ax, _, az), (bx, _, bz) = foot
        points = [(ax, low, az), (bx, low, bz), (bx, high, bz), (ax, high, az)]
        look = (*paint.look[:5], 1.0 if normal[0] else 0.0)
        paint = Paint(paint.colour, paint.label, paint.material, paint.glow, paint.snow, look)
        self.canvas.fill(points, paint, key, light=self.canvas.light.on(normal))

    def _villa(self, side: Side, z0: float, z1: float) -> None:
        rng = self.rng
        gap = float(rng.uniform(0.8, 2.5))
        z0, z1 = z0 + gap, max(z1 - gap, z0 + gap + 5)
        line, deep, high = side.line, float(rng.uniform(8, 11)), float(rng.uniform(3.2, 6.4))
        paint = self._facade_paint(high / max(1, round(high / 2.9)), 0.0)
        s, far, key = side.sign * line, side.sign * (line + deep), HOUSES + z0
        road, canvas = self.camera.road, self.canvas
        rise = 0.42 * deep
        middle = 0.5 * (s + far)
        tiles = Paint(
            ((0.52, 0.27, 0.20), (0.33, 0.30, 0.30), (0.45, 0.33, 0.26))[int(rng.integers(3))],
            BUILDING,
            TILES,
            snow=0.95,
        )
        self._sheet([road(s, z0), road(far, z0)], 0.0, high, paint, key, (0.0, 0.0, -1.0))
        gable = [road(s, z0, high), road(far, z0, high), road(middle, z0, high + rise)]
        plain = Paint(paint.colour, BUILDING, FLAT)
        canvas.fill(gable, plain, key, light=canvas.light.on((0.0, 0.0, -1.0)))
        self._sheet([road(s, z0), road(s, z1)], 0.0, high, paint, key, (-float(side.sign), 0.0, 0.0))
        eave = s - side.sign * 0.4
        roof = [
            road(eave, z0 - 0.3, high - 0.15),
            road(eave, z1 + 0.3, high - 0.15),
            road(middle, z1 + 0.3, high + rise),
            road(middle, z0 - 0.3, high + rise),
        ]
        canvas.fill(roof, tiles, key, light=canvas.light.on((-0.6 * side.sign, 0.8, 0.0)))
        z = 0.7 * z0 + 0.3 * z1
        chimney = [
            road(middle - 0.4, z, high + rise - 0.8),
            road(middle + 0.4, z, high + rise - 0.8),
            road(middle + 0.4, z, high + rise + 0.9),
            road(middle - 0.4, z, high + rise + 0.9),
        ]
        canvas.fill(chimney, Paint((0.45, 0.28, 0.22), BUILDING), key - 0.1, flat=True)
        self._shadow_of(side, s, z0, z1, high)
        self._greens(side, z0, z1, int(rng.integers(0, 3)))

    def _block(self, left: tuple[float, float], right: tuple[float, float], height: float, layer: float) -> None:
        foot = [(left[0], 0.0, left[1]), (right[0], 0.0, right[1])]
        paint = self._facade_paint(3.2, 0.0)
        self._sheet(foot, 0.0, height, paint, layer + left[1], (0.0, 0.0, -1.0))

    def _wall(self, s: float, z0: float, z1: float) -> None:
        rng, road = self.rng, self.camera.road
        high, thick = float(rng.uniform(1.2, 2.6)), 0.35 if s > 0 else -0.35
        colour = ((0.50, 0.30, 0.24), (0.60, 0.58, 0.54), (0.54, 0.50, 0.42))[int(rng.integers(3))]
        paint, out = (
            Paint(colour, WALL, BRICK, snow=0.05, look=(0, 0, 0, 0, 0, 1.0)),
            (-1.0 if s > 0 else 1.0, 0.0, 0.0),
        )
        cap = Paint((0.62, 0.61, 0.58), WALL, FLAT, snow=0.95)
        key = BORDERS + z0
        self._sheet([road(s, z0), road(s + thick, z0)], 0.0, high, paint, key, (0.0, 0.0, -1.0))
        middle = 0.5 * (z0 + z1)
        for a, b in ((middle, z1), (z0, middle)):
            self._sheet([road(s, a), road(s, b)], 0.0, high, paint, key, out)
            self._sheet([road(s, a), road(s, b)], high - 0.16, high, cap, key, out)

    def _fence(self, s: float, z0: float, z1: float) -> None:
        rng, road = self.rng, self.camera.road
        high, out = float(rng.uniform(1.0, 1.9)), (-1.0 if s > 0 else 1.0, 0.0, 0.0)
        boards = rng.random() < 0.6
        colour = ((0.46, 0.33, 0.22), (0.62, 0.62, 0.60), (0.30, 0.32, 0.30), (0.36, 0.30, 0.26))[int(rng.integers(4))]
        paint = Paint(colour, FENCE, snow=0.25)
        key, light = BORDERS + z0, self.canvas.light.on(out)
        gap = 0.16 if boards else 0.24
        width = 0.12 if boards else 0.05
        start = max(z0, 1.2)
        for level in (0.25, high - 0.15):
            points = [road(s, start + (z1 - start) * i / 4, level) for i in range(5)]
            for a, b in pairwise(points):
                rail = [a, b, (b[0], level + 0.09, b[2]), (a[0], level + 0.09, a[2])]
                self.canvas.fill(rail, paint.tint(0.85), key, light=light)
        spots, z = [], start
        while z < z1:
            spots.append(z)
            z += gap * (1 + z / 25)
        for z in reversed(spots):
            shade = float(rng.uniform(0.88, 1.08))
            wide = width * (1 + z / 25) * 0.5
            tall = high if boards or rng.random() < 0.9 else high + 0.1
            board = [road(s, z - wide), road(s, z + wide), road(s, z + wide, tall), road(s, z - wide, tall)]
            self.canvas.fill(board, paint.tint(shade), key, light=light)
