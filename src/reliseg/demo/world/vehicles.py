"""Cars, trucks, buses and trams: a side profile drawn out to a width, with details on its faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from reliseg.demo.world.camera import Point, Pose
from reliseg.demo.world.canvas import BUS, CAR, GLOSS, TRAIN, TRUCK, Canvas, Colour, Paint

Corner = tuple[float, float, float]
"""A corner of a side profile: ahead of the middle, height, half width there."""

GLASS: Colour = (0.16, 0.20, 0.24)
TYRE: Colour = (0.07, 0.07, 0.08)
COLOURS: tuple[Colour, ...] = (
    (0.80, 0.81, 0.82), (0.55, 0.57, 0.60), (0.13, 0.14, 0.16), (0.24, 0.26, 0.29), (0.16, 0.24, 0.42),
    (0.55, 0.12, 0.12), (0.72, 0.70, 0.64), (0.30, 0.36, 0.32), (0.20, 0.40, 0.58), (0.86, 0.86, 0.87),
)  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A side profile widened to a solid, at a pose; details lie in the plane of a face."""

    canvas: Canvas
    pose: Pose
    key: float
    label: int
    corners: Sequence[Corner]

    @cached_property
    def levels(self) -> list[tuple[float, float]]:
        """Heights of the corners with the half widths there, from below."""
        return sorted((corner[1], corner[2]) for corner in self.corners)

    @cached_property
    def inside(self) -> Point:
        """A point in the middle of the body."""
        count = len(self.corners)
        ahead, up = (sum(corner[i] for corner in self.corners) / count for i in (0, 1))
        return self.pose.at(0.0, up, ahead)

    def paint(self, colour: Colour, glow: float = 0.0, snow: float = 0.0, material: int = GLOSS) -> Paint:
        """Return a paint of this body's class."""
        return Paint(colour, self.label, material, glow, snow)

    def side(self) -> float:
        """Return -1 if the camera sees the left side, 1 for the right side."""
        x, _, z = self.pose.at(0.0, 0.0, 0.0)
        return 1.0 if x * self.pose.cos - z * self.pose.sin < 0 else -1.0

    def half(self, up: float) -> float:
        """Return the half width at a height."""
        levels = self.levels
        for (low, wide), (high, narrow) in pairwise(levels):
            if low <= up < high:
                return wide + (narrow - wide) * (up - low) / (high - low)
        return levels[0][1] if up < levels[0][0] else levels[-1][1]

    def shell(self, paints: Sequence[Paint], side: Paint) -> None:
        """Draw all faces: one paint per edge of the profile, one for the sides."""
        corners, at = self.corners, self.pose.at
        for i, (a, b) in enumerate(zip(corners, [*corners[1:], corners[0]], strict=True)):
            quad = [at(-a[2], a[1], a[0]), at(a[2], a[1], a[0]), at(b[2], b[1], b[0]), at(-b[2], b[1], b[0])]
            self.canvas.face(quad, self.inside, paints[i], self.key)
        sign = self.side()
        outline = [at(sign * wide, up, ahead) for ahead, up, wide in corners]
        self.canvas.face(outline, self.inside, side, self.key)

    def flank(self, points: Sequence[tuple[float, float]], paint: Paint) -> None:
        """Draw a polygon of (ahead, up) on the visible side."""
        sign = self.side()
        shape = [self.pose.at(sign * (self.half(up) + 0.01), up, ahead) for ahead, up in points]
        self.canvas.face(shape, self.inside, paint, self.key)

    def end(self, ahead: float, box: tuple[float, float, float, float], paint: Paint) -> None:
        """Draw a rectangle (left, bottom, right, top) on the front or back at `ahead`."""
        left, bottom, right, top = box
        at = self.pose.at
        shape = [at(left, bottom, ahead), at(right, bottom, ahead), at(right, top, ahead), at(left, top, ahead)]
        self.canvas.face(shape, self.inside, paint, self.key)

    def wheel(self, ahead: float, radius: float) -> None:
        """Draw a wheel in the visible side."""
        angles = np.linspace(0, 2 * np.pi, 13)[:-1]
        for scale, colour in ((1.22, (0.04, 0.04, 0.045)), (1.0, TYRE), (0.62, (0.52, 0.53, 0.55))):
            ring = [(ahead + scale * radius * float(np.cos(t)), scale * radius * float(np.sin(t))) for t in angles]
            self.flank([(a, max(0.0, radius + b)) for a, b in ring], self.paint(colour, material=0))

    def ground(self, length: float, wide: float, height: float) -> None:
        """Add the shadow of a box of this size."""
        at, a, b = self.pose.at, 0.5 * length, wide + 0.08
        self.canvas.shade([at(-b, 0, -a), at(b, 0, -a), at(b, 0, a), at(-b, 0, a)], height)


def car(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float, lit: bool = True) -> None:
    """Draw a hatchback, saloon, estate or van."""
    kind = int(rng.integers(4))
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    length, top = ((3.9, 1.47), (4.5, 1.42), (4.6, 1.60), (4.9, 1.95))[kind]
    wide, belt, roof = 0.89, 0.92 + 0.12 * (kind == 3), 0.68 + 0.10 * (kind >= 2)
    a = 0.5 * length
    back, rear_roof = -a + (0.75 if kind == 1 else 0.10), -a + (1.35, 1.55, 0.45, 0.25)[kind]
    front_roof, cowl = a - (1.75, 1.95, 1.9, 1.55)[kind], a - (1.0, 1.15, 1.15, 0.85)[kind]
    corners = [
        (-a, 0.28, wide), (-a, 0.82, wide), (back, belt + 0.04, wide - 0.02), (rear_roof, top, roof),
        (front_roof, top, roof), (cowl, belt, wide - 0.02), (a - 0.08, 0.72, wide - 0.03), (a, 0.30, wide),
    ]  # fmt: skip
    body = Body(canvas, pose, key, CAR, corners)
    body.ground(length, wide, top)
    shell = body.paint(colour, snow=0.1)
    top_paint, glass = body.paint(colour, snow=0.9), body.paint(GLASS, snow=0.25)
    dark = body.paint((0.05, 0.05, 0.06))
    back_window = body.paint(colour) if kind == 3 else glass
    body.shell([shell, top_paint, back_window, top_paint, glass, top_paint, shell, dark], shell)
    body.flank([(-a, 0.26), (-a, 0.36), (a, 0.36), (a, 0.26)], dark)
    pillar, high = 0.5 * (rear_roof + front_roof) + 0.1, top - 0.08
    if kind != 3:
        body.flank(
            [(back + 0.35, belt + 0.05), (rear_roof + 0.12, high), (pillar - 0.05, high), (pillar - 0.05, belt + 0.03)],
            glass,
        )
    body.flank(
        [(pillar + 0.05, belt + 0.03), (pillar + 0.05, high), (front_roof - 0.05, high), (cowl - 0.25, belt + 0.03)],
        glass,
    )
    line = shell.tint(0.55)
    body.flank([(pillar, 0.40), (pillar, belt), (pillar + 0.03, belt), (pillar + 0.03, 0.40)], line)
    for ahead in (-0.62 * a, 0.64 * a):
        body.wheel(ahead, 0.32)
    _car_ends(body, a, wide, belt, lit)


def _car_ends(body: Body, a: float, wide: float, belt: float, lit: bool) -> None:
    red, white = body.paint((0.62, 0.06, 0.07), 2.2 * lit), body.paint((0.92, 0.92, 0.86), 3.0 * lit)
    plate, dark = body.paint((0.86, 0.86, 0.82)), body.paint((0.08, 0.08, 0.09))
    for sign in (-1.0, 1.0):
        outer, inner = sign * (wide - 0.04), sign * (wide - 0.34)
        body.end(-a - 0.01, (min(outer, inner), 0.62, max(outer, inner), 0.80), red)
        body.end(a + 0.01, (min(outer, inner), 0.54, max(outer, inner), 0.70), white)
    body.end(-a - 0.01, (-wide + 0.02, 0.26, wide - 0.02, 0.40), dark)
    for end in (-a + 0.45, a - 0.45):
        for sign in (-1.0, 1.0):
            body.end(end, (sign * 0.72 - 0.11, 0.0, sign * 0.72 + 0.11, 0.27), body.paint(TYRE, material=0))
    body.end(-a - 0.02, (-0.26, 0.46, 0.26, 0.58), plate)
    body.end(a + 0.01, (-0.52, 0.42, 0.52, 0.62), dark)
    body.end(a + 0.02, (-0.26, 0.34, 0.26, 0.45), plate)


def _box_profile(a: float, low: float, top: float, wide: float, slope: float = 0.12) -> list[Corner]:
    return [
        (-a, low, wide), (-a, top - 0.12, wide), (-a + 0.12, top, wide - 0.06), (a - slope - 0.12, top, wide - 0.06),
        (a - slope, top - 0.12, wide), (a, low + 0.9, wide), (a, low, wide),
    ]  # fmt: skip


def truck(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a lorry: a box (or a skip of earth) behind a cab."""
    length, height, wide = float(rng.uniform(6.5, 9.0)), float(rng.uniform(2.9, 3.5)), 1.22
    a, cab = 0.5 * length, COLOURS[int(rng.integers(4, len(COLOURS)))]
    tone = ((0.82, 0.82, 0.80), (0.70, 0.55, 0.16), (0.24, 0.34, 0.52), (0.34, 0.42, 0.34))[int(rng.integers(4))]
    open_top = rng.random() < 0.3
    height = 2.5 if open_top else height
    split = a - 1.9
    box_corners = [(-a, 0.95, wide), (-a, height, wide), (split, height, wide), (split, 0.95, wide)]
    nose = [(split + 0.1, 0.5, 1.16), (split + 0.1, 2.6, 1.12), (a - 0.5, 2.6, 1.1), (a, 1.5, 1.16), (a, 0.5, 1.16)]
    parts = [Body(canvas, pose, key, TRUCK, box_corners), Body(canvas, pose, key, TRUCK, nose)]
    parts[0].ground(length, wide, height)
    ahead_nearer = pose.at(0, 0, a)[2] < pose.at(0, 0, -a)[2]
    for part in parts if ahead_nearer else parts[::-1]:
        if part is parts[0]:
            _load(part, tone, a, height, wide, split)
        else:
            _cab(part, cab, a, split)


def _load(body: Body, tone: Colour, a: float, height: float, wide: float, split: float) -> None:
    paint, dark = body.paint(tone, snow=0.05), body.paint((0.09, 0.09, 0.10))
    body.canvas.fill(
        [body.pose.at(-wide + 0.1, 0.4, -a), body.pose.at(wide - 0.1, 0.4, -a), body.pose.at(wide - 0.1, 1.0, -a),
         body.pose.at(-wide + 0.1, 1.0, -a)], dark, body.key, light=0.7)  # fmt: skip
    body.flank([(-a, 0.5), (-a, 0.95), (split, 0.95), (split, 0.5)], dark)
    body.shell([paint, body.paint(tone, snow=0.95), paint, paint], paint)
    for i in range(1, 5):
        z = -a + (split + a) * i / 5
        body.flank([(z, 1.0), (z, height - 0.05), (z + 0.05, height - 0.05), (z + 0.05, 1.0)], paint.tint(0.82))
    stripe = 0.45 * height + 0.55
    body.flank(
        [(-a + 0.3, stripe), (-a + 0.3, stripe + 0.5), (split - 0.5, stripe + 0.5), (split - 0.5, stripe)],
        paint.tint(0.62),
    )
    body.end(-a - 0.01, (-0.03, 1.0, 0.03, height - 0.05), paint.tint(0.7))
    body.end(-a - 0.01, (-wide, 0.95, wide, 1.08), dark)
    red = body.paint((0.62, 0.06, 0.07), 2.0)
    for sign in (-1.0, 1.0):
        body.end(-a - 0.02, (sign * 0.98 - 0.17, 0.70, sign * 0.98 + 0.17, 0.86), red)
    body.wheel(-a + 1.1, 0.48)
    body.wheel(-a + 2.2, 0.48)


def _cab(body: Body, colour: Colour, a: float, split: float) -> None:
    shell, glass = body.paint(colour, snow=0.1), body.paint(GLASS)
    body.shell([shell, body.paint(colour, snow=0.95), glass, shell, shell], shell)
    body.flank([(split + 0.45, 1.55), (split + 0.45, 2.3), (a - 0.6, 2.3), (a - 0.25, 1.55)], glass)
    body.end(a + 0.01, (-0.85, 0.85, 0.85, 1.25), body.paint((0.08, 0.08, 0.09)))
    for sign in (-1.0, 1.0):
        body.end(a + 0.01, (sign * 0.9 - 0.18, 0.58, sign * 0.9 + 0.18, 0.76), body.paint((0.92, 0.92, 0.86), 3.0))
    body.wheel(split + 0.95, 0.48)


def bus(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a city bus."""
    colour = ((0.72, 0.60, 0.16), (0.62, 0.14, 0.14), (0.18, 0.36, 0.58), (0.80, 0.80, 0.78))[int(rng.integers(4))]
    a, top, wide = 5.6, 3.05, 1.26
    body = Body(canvas, pose, key, BUS, _box_profile(a, 0.32, top, wide))
    body.ground(2 * a, wide, top)
    shell, glass = body.paint(colour, snow=0.1), body.paint(GLASS, 0.7)
    roof = body.paint((0.78, 0.78, 0.76), snow=0.95)
    body.shell([shell, roof, roof, roof, glass, shell, shell], shell)
    body.flank([(-a + 0.2, 1.35), (-a + 0.2, 2.45), (a - 0.3, 2.45), (a - 0.1, 1.35)], glass)
    for i in range(1, 7):
        z = -a + 2 * a * i / 7
        body.flank([(z, 1.35), (z, 2.45), (z + 0.10, 2.45), (z + 0.10, 1.35)], shell.tint(0.5))
    for z in (-0.2, a - 1.7):
        body.flank([(z, 0.45), (z, 2.4), (z + 1.1, 2.4), (z + 1.1, 0.45)], glass.tint(1.25))
    body.flank([(-a, 0.32), (-a, 0.52), (a, 0.52), (a, 0.32)], shell.tint(0.45))
    for z in (-a + 2.4, a - 2.6):
        body.wheel(z, 0.47)
    _coach_ends(body, a, wide, top, shell, glass)


def _coach_ends(body: Body, a: float, wide: float, top: float, shell: Paint, glass: Paint) -> None:
    sign_paint = body.paint((0.90, 0.66, 0.16), 2.5)
    body.end(-a - 0.01, (-wide + 0.2, 1.6, wide - 0.2, top - 0.5), glass)
    body.end(-a - 0.01, (-0.5, top - 0.45, 0.5, top - 0.2), sign_paint)
    body.end(-a - 0.01, (-wide + 0.25, 0.75, wide - 0.25, 1.25), shell.tint(0.7))
    body.end(a + 0.01, (-wide + 0.1, 1.15, wide - 0.1, 1.25), glass)
    for sign in (-1.0, 1.0):
        body.end(-a - 0.02, (sign * 1.06 - 0.14, 0.75, sign * 1.06 + 0.14, 1.15), body.paint((0.62, 0.06, 0.07), 2.0))
        body.end(a + 0.02, (sign * 0.95 - 0.2, 0.62, sign * 0.95 + 0.2, 0.82), body.paint((0.92, 0.92, 0.86), 3.0))


def train(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float, cars: int = 2) -> None:
    """Draw a tram of several cars, the foremost at the pose."""
    colour = ((0.66, 0.16, 0.15), (0.84, 0.82, 0.72), (0.16, 0.46, 0.40), (0.20, 0.30, 0.56))[int(rng.integers(4))]
    a, top, wide = 5.8, 3.45, 1.2
    units = [Pose(*_place_behind(pose, -i * (2 * a + 0.7)), pose.cos, pose.sin) for i in range(cars)]
    for i, unit in sorted(enumerate(units), key=lambda item: -item[1].z):
        body = Body(canvas, unit, key, TRAIN, _box_profile(a, 0.35, top, wide, 0.35))
        body.ground(2 * a, wide, top)
        shell, glass = body.paint(colour, snow=0.1), body.paint(GLASS, 0.8)
        roof = body.paint((0.50, 0.51, 0.52), snow=0.95)
        body.shell([shell, roof, roof, roof, glass, shell, shell], shell)
        body.flank([(-a, 1.2), (-a, 1.45), (a, 1.45), (a, 1.2)], body.paint((0.88, 0.87, 0.82)))
        for j in range(6):
            z = -a + 0.5 + j * (2 * a - 0.6) / 6
            low = 0.5 if j in (1, 4) else 1.55
            body.flank([(z, low), (z, 2.65), (z + 1.35, 2.65), (z + 1.35, low)], glass)
        body.flank([(-a, 0.30), (-a, 0.46), (a, 0.46), (a, 0.30)], body.paint((0.10, 0.10, 0.11)))
        _tram_ends(body, a, wide, top, glass)
        if i == 0:
            _pantograph(body, top)


def _tram_ends(body: Body, a: float, wide: float, top: float, glass: Paint) -> None:
    cream, dark = body.paint((0.88, 0.87, 0.82)), body.paint((0.10, 0.10, 0.11))
    white, red = body.paint((0.94, 0.94, 0.88), 3.0), body.paint((0.62, 0.06, 0.07), 2.0)
    for end in (-a - 0.01, a + 0.01):
        body.end(end, (-wide + 0.12, 1.5, wide - 0.12, top - 0.55), glass)
        body.end(end, (-wide, 1.2, wide, 1.45), cream)
        body.end(end, (-0.65, top - 0.5, 0.65, top - 0.22), dark)
        body.end(end, (-0.45, top - 0.44, 0.45, top - 0.28), body.paint((0.95, 0.75, 0.30), 2.5))
        body.end(end, (-wide + 0.1, 0.35, wide - 0.1, 0.55), dark)
        body.end(end, (-0.17, 0.62, 0.17, 0.95), white if end > 0 else red)


def _place_behind(pose: Pose, ahead: float) -> tuple[float, float]:
    x, _, z = pose.at(0.0, 0.0, ahead)
    return x, z


def _pantograph(body: Body, top: float) -> None:
    at, paint = body.pose.at, body.paint((0.16, 0.16, 0.17), material=0)
    body.canvas.stroke([at(0, top, -0.5), at(0, top + 0.7, 0.4), at(0, top + 1.3, -0.3)], 0.06, paint, body.key)
    body.canvas.stroke([at(-0.7, top + 1.3, -0.3), at(0.7, top + 1.3, -0.3)], 0.06, paint, body.key)
