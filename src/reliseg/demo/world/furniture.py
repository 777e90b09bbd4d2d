"""Trees and bushes, lamps, poles, traffic lights and signs."""

import numpy as np

from reliseg.demo.world.camera import Camera, Point
from reliseg.demo.world.canvas import FLAT, FOLIAGE, LIGHT, POLE, SIGN, STREET, VEGETATION, Canvas, Colour, Paint
from reliseg.demo.world.cutout import Cutout, Spot

LEAVES: tuple[Colour, ...] = (
    (0.27, 0.38, 0.16), (0.22, 0.34, 0.15), (0.34, 0.42, 0.18), (0.24, 0.34, 0.22), (0.46, 0.38, 0.16),
    (0.30, 0.40, 0.14),
)  # fmt: skip


def tree(canvas: Canvas, rng: np.random.Generator, foot: Point, height: float, key: float) -> None:
    """Draw a broad-leaved tree, or a conifer."""
    x, y, z = foot
    colour, bark = LEAVES[int(rng.integers(len(LEAVES)))], float(rng.uniform(0.8, 1.2))
    trunk = Paint((0.26 * bark, 0.21 * bark, 0.17 * bark), VEGETATION, snow=0.15)
    if rng.random() < 0.18:
        _conifer(canvas, rng, foot, height, key, colour)
        return
    crown, radius = 0.62 * height, height * float(rng.uniform(0.24, 0.34))
    bare = crown - 0.75 * radius
    side = canvas.light.on((0.3, 0.0, -0.95))
    wide = 0.032 * height
    shape = [(x - wide, y, z), (x + wide, y, z), (x + 0.6 * wide, y + bare + 1, z), (x - 0.6 * wide, y + bare + 1, z)]
    canvas.fill(shape, trunk, key, light=side, flat=True)
    for turn in (-0.5, 0.4):
        canvas.stroke([(x, y + 0.8 * bare, z), (x + turn * radius, y + crown, z)], 0.5 * wide, trunk, key, light=side)
    canvas.shade(
        [(x + dx * radius * 0.8, 0.0, z + dz * radius * 0.8) for dx, dz in ((-1, 0), (0, -0.6), (1, 0), (0, 0.6))],
        crown,
        0.25,
    )
    count = 46 if z < 30 else 26 if z < 60 else 14
    _clumps(canvas, rng, (x, y + crown, z), (radius, 0.36 * height), count, colour, key)


def _clumps(
    canvas: Canvas,
    rng: np.random.Generator,
    middle: Point,
    size: tuple[float, float],
    count: int,
    colour: Colour,
    key: float,
) -> None:
    """Draw leaves as many overlapping ellipses, lighter towards the sun."""
    spots = rng.normal(0, 1, (count, 3)).astype(float)
    spots *= (rng.random((count, 1)) ** 0.4) / np.linalg.norm(spots, axis=1, keepdims=True)
    lit, order = (
        spots @ (np.array(canvas.light.direction) * (0.35 + 0.65 * strength) + np.array([0, 0.5, 0]))
        for strength in (canvas.light.strength, canvas.light.clear)
    )
    grain = rng.uniform(0.86, 1.1, count)
    radii = rng.uniform(0.20, 0.42, count) * (1.15 - 0.55 * np.linalg.norm(spots, axis=1))
    for i in np.argsort(0.6 * order - spots[:, 2]):
        dx, dy, dz = (float(value) for value in spots[i])
        paint = Paint(colour, VEGETATION, FOLIAGE, snow=min(1.0, max(0.1, 0.45 + 0.6 * dy)))
        place = (middle[0] + dx * size[0], middle[1] + dy * size[1], max(1.0, middle[2] + 0.5 * dz * size[0]))
        radius = float(radii[i]) * max(size) + 0.12
        light = (0.74 + 0.38 * float(lit[i])) * float(grain[i])
        canvas.disc(place, radius, 0.82 * radius, paint, key, light=max(0.4, light))


def _conifer(canvas: Canvas, rng: np.random.Generator, foot: Point, height: float, key: float, colour: Colour) -> None:
    x, y, z = foot
    paint = Paint((colour[0] * 0.72, colour[1] * 0.82, colour[2] * 0.95), VEGETATION, FOLIAGE, snow=0.8)
    wide = 0.2 * height
    canvas.shade(
        [(x - wide, 0, z), (x, 0, z - 0.5 * wide), (x + wide, 0, z), (x, 0, z + 0.5 * wide)], 0.6 * height, 0.35
    )
    for i in range(9):
        low = y + height * (0.06 + 0.1 * i)
        half = wide * (1 - i / 9.5) * float(rng.uniform(0.85, 1.12))
        top = min(low + 0.24 * height, y + height)
        lean = 0.25 * half * canvas.light.direction[0]
        canvas.fill([(x - half, low, z), (x + half, low, z), (x, top, z)], paint, key, light=0.68, flat=True)
        canvas.fill(
            [(x - 0.6 * half + lean, low + 0.1, z), (x + 0.6 * half + lean, low + 0.1, z), (x + lean, top, z)],
            paint,
            key,
            light=0.95,
            flat=True,
        )


def bush(canvas: Canvas, rng: np.random.Generator, foot: Point, height: float, key: float) -> None:
    """Draw a bush, or a piece of a hedge."""
    if foot[2] > 1.2:
        colour = LEAVES[int(rng.integers(len(LEAVES)))]
        _clumps(
            canvas,
            rng,
            (foot[0], foot[1] + 0.5 * height, foot[2]),
            (0.85 * height, 0.5 * height),
            18 if foot[2] < 30 else 8,
            colour,
            key,
        )


def _post(canvas: Canvas, foot: Point, height: float, width: float, paint: Paint) -> None:
    x, y, z = foot
    half = 0.5 * max(width, 1.8 * z / canvas.camera.focal)
    side = canvas.light.on((-0.7, 0.0, -0.7)), canvas.light.on((0.7, 0.0, -0.7))
    key = STREET + z
    for (left, right), light in zip(((-half, 0.0), (0.0, half)), side, strict=True):
        shape = [(x + left, y, z), (x + right, y, z), (x + right, y + height, z), (x + left, y + height, z)]
        canvas.fill(shape, paint, key, light=light, flat=True)
    canvas.shade(
        [(x - half, 0, z - half), (x + half, 0, z - half), (x + half, 0, z + half), (x - half, 0, z + half)],
        height,
        0.4,
    )


def lamp(canvas: Canvas, camera: Camera, s: float, z: float, height: float, metal: Paint) -> None:
    """Draw a street lamp whose arm reaches over the road."""
    foot = camera.road(s, z, 0.12)
    _post(canvas, foot, height, 0.17, metal)
    reach = -1.7 if s > 0 else 1.7
    x, top, key = foot[0], foot[1] + height, STREET + z
    canvas.stroke([(x, top - 0.1, z), (x + 0.5 * reach, top + 0.25, z), (x + reach, top + 0.3, z)], 0.10, metal, key)
    head = Cutout(canvas, (x + reach, top, z), key, 1.0)
    head.fill([(-0.35, 0.22), (0.35, 0.22), (0.25, 0.38), (-0.25, 0.38)], metal.tint(0.7))
    head.box((-0.32, 0.15), (0.32, 0.24), Paint((0.90, 0.86, 0.74), POLE, glow=4.0))
    canvas.lamps.append((x + reach, top + 0.2, z))


def traffic_light(canvas: Canvas, rng: np.random.Generator, camera: Camera, s: float, z: float, metal: Paint) -> None:
    """Draw a traffic light on its pole, sometimes with a second one over the road."""
    foot = camera.road(s, z, 0.12)
    state = int(rng.integers(3))
    if rng.random() < 0.55:
        _post(canvas, foot, 5.6, 0.16, metal)
        reach = -3.4 if s > 0 else 3.4
        canvas.stroke([(foot[0], 5.6, z), (foot[0] + reach, 5.75, z)], 0.12, metal, STREET + z)
        _signal(canvas, (foot[0] + reach, 4.85, z), state, 1.15)
    else:
        _post(canvas, foot, 3.4, 0.13, metal)
    _signal(canvas, (foot[0], 2.45, z - 0.1), state, 1.0)


def _signal(canvas: Canvas, at: Point, state: int, scale: float) -> None:
    lamps = Cutout(canvas, at, STREET + at[2], 1.0, scale, scale)
    lamps.box((-0.21, 0.0), (0.21, 1.05), Paint((0.07, 0.075, 0.075), LIGHT, snow=0.1))
    colours: tuple[Colour, ...] = ((0.10, 0.78, 0.42), (0.95, 0.66, 0.10), (0.95, 0.14, 0.10))
    for i, (r, g, b) in enumerate(colours):
        on = i == state
        colour = (r, g, b) if on else (0.2 * r + 0.03, 0.2 * g + 0.03, 0.2 * b + 0.03)
        lamps.disc((0.0, 0.2 + 0.325 * i), (0.135 * scale, 0.135 * scale), Paint(colour, LIGHT, glow=3.5 * on))


def sign(canvas: Canvas, rng: np.random.Generator, camera: Camera, s: float, z: float, metal: Paint) -> None:
    """Draw one or two traffic signs on a pole."""
    foot = camera.road(s, z, 0.12)
    x, key = foot[0], STREET + z
    high = float(rng.uniform(2.2, 2.7))
    _post(canvas, foot, high + 0.75, 0.08, metal)
    for i in range(int(rng.integers(1, 3))):
        _plate(canvas, rng, (x, high + 0.35 - 0.75 * i, z - 0.05), key)


RED, WHITE, BLUE = Paint((0.76, 0.10, 0.12), SIGN), Paint((0.90, 0.90, 0.89), SIGN), Paint((0.08, 0.26, 0.62), SIGN)
YELLOW, BLACK = Paint((0.93, 0.74, 0.10), SIGN), Paint((0.10, 0.10, 0.11), SIGN)


def _plate(canvas: Canvas, rng: np.random.Generator, at: Point, key: float) -> None:
    r = float(rng.uniform(0.34, 0.44))
    light = canvas.light.on((0.0, 0.0, -1.0)) * 1.08

    def shape(paint: Paint, corners: tuple[Spot, ...], scale: float = 1.0) -> None:
        Cutout(canvas, at, key, light, r * scale, r * scale).fill(corners, paint)

    def disc(paint: Paint, scale: float = 1.0) -> None:
        canvas.disc(at, scale * r, scale * r, paint, key, light=light)

    triangle, square = ((-1.0, -0.75), (1.0, -0.75), (0.0, 1.0)), ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))
    lozenge = ((-1.0, 0.0), (0.0, -1.0), (1.0, 0.0), (0.0, 1.0))
    match int(rng.integers(6)):
        case 0:
            disc(RED)
            disc(WHITE, 0.74)
            shape(BLACK, ((-0.4, -0.3), (0.4, -0.3), (0.4, 0.3), (-0.4, 0.3)), 0.7)
        case 1:
            shape(RED, triangle, 1.15)
            shape(WHITE, triangle, 0.72)
            shape(BLACK, ((-0.12, -0.4), (0.12, -0.4), (0.12, 0.35), (-0.12, 0.35)))
        case 2:
            disc(BLUE)
            arrow = ((0.14, -0.6), (0.14, 0.2), (0.4, 0.2), (0.0, 0.68), (-0.4, 0.2), (-0.14, 0.2))
            shape(WHITE, ((-0.14, -0.6), *arrow))
        case 3:
            shape(WHITE, lozenge, 1.15)
            shape(YELLOW, lozenge, 0.85)
        case 4:
            shape(BLUE, square)
            shape(WHITE, ((-0.55, -0.6), (0.55, -0.6), (0.0, 0.5)))
        case _:
            disc(RED)
            shape(WHITE, ((-0.7, -0.17), (0.7, -0.17), (0.7, 0.17), (-0.7, 0.17)))


def board(canvas: Canvas, camera: Camera, s: float, z: float, metal: Paint) -> None:
    """Draw a direction board beside the road, on two posts."""
    x, key = camera.road(s, z)[0], STREET + z
    light = canvas.light.on((0.0, 0.0, -1.0)) * 1.05
    for dx in (-0.9, 0.9):
        _post(canvas, (x + dx, 0.12, z), 3.6, 0.10, metal)
    plate = Cutout(canvas, (x, 0.0, z - 0.1), key, light)
    for grow, paint in ((0.06, Paint((0.9, 0.9, 0.9), SIGN)), (0.0, Paint((0.93, 0.78, 0.16), SIGN))):
        plate.box((-1.3 - grow, 2.0 - grow), (1.3 + grow, 3.6 + grow), paint)
    ink, text = Paint((0.10, 0.10, 0.10), SIGN), Cutout(canvas, (x, 0.0, z - 0.12), key, light)
    for y, wide in ((3.2, 1.5), (2.8, 1.1), (2.4, 1.7)):
        text.box((-0.6, y), (-0.6 + wide, y + 0.16), ink)


def pole_paint(rng: np.random.Generator) -> Paint:
    """Choose the paint of a street's poles."""
    tone = float(rng.uniform(0.26, 0.5))
    return Paint((tone, tone * 1.01, tone), POLE, FLAT, snow=0.05)
