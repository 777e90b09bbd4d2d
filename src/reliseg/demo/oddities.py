"""Things of no known class, left on the road or the pavement."""

from collections.abc import Callable

import numpy as np

from reliseg.demo.camera import Camera, Point, Pose
from reliseg.demo.canvas import GLOSS, STREET, Canvas, Colour, Paint
from reliseg.demo.street import Layout
from reliseg.demo.vehicles import Body

UNKNOWN = 254


def scatter(canvas: Canvas, camera: Camera, rng: np.random.Generator, layout: Layout) -> None:
    """Two to four of them, at least one on the road."""
    kinds: tuple[Callable[[Canvas, np.random.Generator, Pose, float], None], ...] = (
        cow, ball, sofa, boxes, tractor, tent, bathtub
    )  # fmt: skip
    order = rng.permutation(len(kinds))
    for i in range(int(rng.integers(2, 5))):
        z = float(rng.uniform(6.5, 11) if i == 0 else rng.uniform(8, 24))
        reach = layout.half - 1.2 if i == 0 or rng.random() < 0.6 else layout.half + 2.0
        seen = 0.42 * z + camera.shift - camera.yaw * z
        s = min(max(float(rng.uniform(-1, 1)) * reach, seen - 0.84 * z), seen)
        pose = Pose.on(camera, s, z, float(rng.uniform(0.5, 1.0)) * (1 if rng.random() < 0.5 else -1))
        kinds[int(order[i])](canvas, rng, pose, STREET + z)


def _plain(colour: Colour, snow: float = 0.3) -> Paint:
    return Paint(colour, UNKNOWN, snow=snow)


def cow(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A cow, seen from its side."""
    base, spot = (
        ((0.86, 0.83, 0.78), (0.12, 0.11, 0.10)) if rng.random() < 0.6 else ((0.48, 0.29, 0.17), (0.58, 0.38, 0.25))
    )
    hide, dark = _plain(base), _plain(spot)
    turn = 1.0 if rng.random() < 0.5 else -1.0
    light = canvas.light.on((0.0, 0.3, -0.95))

    def at(ahead: float, up: float) -> Point:
        return (pose.x + turn * ahead, up, pose.z)

    canvas.shade(
        [
            (pose.x - 1.0, 0, pose.z - 0.3),
            (pose.x + 1.0, 0, pose.z - 0.3),
            (pose.x + 1.0, 0, pose.z + 0.3),
            (pose.x - 1.0, 0, pose.z + 0.3),
        ],
        1.3,
    )
    for ahead, shade in ((-0.62, 0.7), (0.48, 0.7), (-0.78, 1.0), (0.62, 1.0)):
        canvas.stroke([at(ahead, 0.75), at(ahead + 0.04, 0.04)], 0.17, hide.tinted(shade), key, light=light)
    trunk = [
        (-0.95, 1.32),
        (-0.9, 0.72),
        (-0.4, 0.60),
        (0.4, 0.62),
        (0.85, 0.78),
        (1.0, 1.2),
        (0.7, 1.42),
        (0.0, 1.36),
        (-0.6, 1.42),
    ]
    canvas.fill([at(*p) for p in trunk], hide, key, light=light, flat=True)
    for a, b, wide in ((-0.5, 1.1, 0.30), (0.15, 1.0, 0.24), (0.62, 1.2, 0.16)):
        canvas.disc(at(a, b), wide, 0.7 * wide, dark, key, light=light)
    canvas.fill(
        [at(0.8, 1.15), at(0.95, 1.45), at(1.3, 1.55), at(1.5, 1.3), at(1.42, 1.12), at(1.15, 1.15)],
        hide,
        key,
        light=light,
        flat=True,
    )
    canvas.fill(
        [at(1.34, 1.12), at(1.54, 1.2), at(1.5, 1.32), at(1.36, 1.3)],
        _plain((0.72, 0.50, 0.46)),
        key,
        light=light,
        flat=True,
    )
    canvas.stroke([at(1.1, 1.5), at(1.02, 1.66)], 0.06, dark, key)
    canvas.stroke([at(-0.95, 1.3), at(-1.06, 0.75)], 0.05, dark, key)


def ball(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A big striped ball."""
    r = float(rng.uniform(0.55, 0.95))
    colours = [_plain(c) for c in ((0.86, 0.16, 0.20), (0.93, 0.90, 0.84), (0.16, 0.44, 0.76), (0.95, 0.78, 0.16))]
    centre = (pose.x, r, pose.z)
    canvas.shade(
        [
            (pose.x - 0.6 * r, 0, pose.z),
            (pose.x, 0, pose.z - 0.4 * r),
            (pose.x + 0.6 * r, 0, pose.z),
            (pose.x, 0, pose.z + 0.4 * r),
        ],
        1.6 * r,
    )
    for i, wide in enumerate((1.0, 0.72, 0.38)):
        canvas.disc(centre, wide * r, r, colours[i], key, light=(0.85, 0.95, 1.0)[i])
    sun = 0.3 if canvas.light.direction[0] > 0 else -0.3
    canvas.disc((pose.x + sun * r, 1.85 * r, pose.z), 0.3 * r, 0.1 * r, colours[3], key)


def _boxed(canvas: Canvas, pose: Pose, key: float, size: tuple[float, float, float], colour: Colour) -> Body:
    wide, high, long = size
    corners = [
        (-0.5 * long, 0.0, 0.5 * wide),
        (-0.5 * long, high, 0.5 * wide),
        (0.5 * long, high, 0.5 * wide),
        (0.5 * long, 0.0, 0.5 * wide),
    ]
    body = Body(canvas, pose, key, UNKNOWN, corners)
    paint = body.paint(colour, material=0)
    body.shell([paint, body.paint(colour, snow=0.9, material=0), paint, paint], paint)
    return body


def sofa(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A sofa."""
    colour: Colour = ((0.62, 0.20, 0.34), (0.24, 0.52, 0.50), (0.72, 0.52, 0.24))[int(rng.integers(3))]
    canvas.shade([pose.at(a, 0, b) for a, b in ((-1, -0.5), (1, -0.5), (1, 0.5), (-1, 0.5))], 0.8)
    dark = (0.8 * colour[0], 0.8 * colour[1], 0.8 * colour[2])
    for (right, ahead), size, tone in (
        ((0.0, 0.34), (2.0, 0.95, 0.25), dark), ((-0.88, 0.0), (0.26, 0.66, 0.9), dark), ((0.0, -0.05), (1.5, 0.46, 0.8), colour), ((0.88, 0.0), (0.26, 0.66, 0.9), dark),
    ):  # fmt: skip
        x, _, z = pose.at(right, 0.0, ahead)
        _boxed(canvas, Pose(x, z, pose.cos, pose.sin), key, size, tone)


def boxes(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Cartons fallen from a lorry."""
    spots = sorted(
        ((float(rng.uniform(-1, 1)), float(rng.uniform(-1.2, 1.2))) for _ in range(5)), key=lambda spot: -spot[1]
    )
    for dx, dz in spots:
        angle, size = float(rng.uniform(0, 1.5)), float(rng.uniform(0.45, 0.85))
        box = Pose(pose.x + dx, pose.z + dz, float(np.cos(angle)), float(np.sin(angle)))
        canvas.shade(
            [box.at(a * size, 0, b * size) for a, b in ((-0.55, -0.55), (0.55, -0.55), (0.55, 0.55), (-0.55, 0.55))],
            size,
        )
        body = _boxed(canvas, box, key - 0.01 * dz, (size, size * 0.85, size), (0.66, 0.48, 0.29))
        body.end(-0.5 * size - 0.005, (-0.06, 0.0, 0.06, 0.85 * size), body.paint((0.82, 0.72, 0.52), material=0))


def tractor(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A tractor: no car, no truck."""
    colour: Colour = ((0.16, 0.46, 0.16), (0.78, 0.24, 0.10), (0.14, 0.34, 0.62))[int(rng.integers(3))]
    turn = float(rng.uniform(0.9, 2.2)) * (1 if rng.random() < 0.5 else -1)
    pose = Pose(pose.x, pose.z + 2.0, float(np.cos(turn)), float(np.sin(turn)))
    bonnet = [(-0.2, 0.7, 0.34), (-0.2, 1.4, 0.32), (1.6, 1.25, 0.3), (1.7, 0.7, 0.32)]
    cabin = [(-1.2, 0.9, 0.62), (-1.1, 2.5, 0.56), (-0.1, 2.5, 0.56), (0.0, 0.9, 0.62)]
    canvas.shade([pose.at(a, 0, b) for a, b in ((-0.9, -1.6), (0.9, -1.6), (0.7, 1.7), (-0.7, 1.7))], 2.2)
    parts = [Body(canvas, pose, key, UNKNOWN, bonnet), Body(canvas, pose, key, UNKNOWN, cabin)]
    for part in parts if pose.cos > 0 else parts[::-1]:
        paint = part.paint(colour)
        part.shell([paint, part.paint(colour, snow=0.9), paint, paint], paint)
    glass = parts[1].paint((0.20, 0.24, 0.27))
    parts[1].flank([(-1.0, 1.4), (-0.95, 2.35), (-0.2, 2.35), (-0.12, 1.4)], glass)
    for end in (-1.21, 0.01):
        parts[1].end(end, (-0.45, 1.4, 0.45, 2.35), glass)
    sign = parts[0].side()
    for ahead, r in ((1.25, 0.45), (-0.8, 0.82)):
        for scale, tone in ((1.0, (0.07, 0.07, 0.07)), (0.55, (0.85, 0.70, 0.18))):
            ring = np.linspace(0, 2 * np.pi, 17)[:-1]
            rim = [
                pose.at(sign * 0.85, r + scale * r * float(np.sin(t)), ahead + scale * r * float(np.cos(t)))
                for t in ring
            ]
            canvas.fill(rim, _plain(tone), key, flat=True)


def tent(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A small tent."""
    colour: Colour = ((0.92, 0.46, 0.10), (0.30, 0.66, 0.30), (0.58, 0.30, 0.68))[int(rng.integers(3))]
    corners = [(-1.1, 0.0, 0.9), (-0.9, 1.2, 0.05), (0.9, 1.2, 0.05), (1.1, 0.0, 0.9)]
    body = Body(canvas, pose, key, UNKNOWN, corners)
    paint = body.paint(colour, snow=0.6, material=0)
    canvas.shade([pose.at(a, 0, b) for a, b in ((-1, -1.2), (1, -1.2), (1, 1.2), (-1, 1.2))], 1.1)
    body.shell([paint, paint, paint, paint], paint)
    door = [pose.at(-0.3, 0.0, -1.13), pose.at(0.3, 0.0, -1.13), pose.at(0.03, 0.9, -0.97), pose.at(-0.03, 0.9, -0.97)]
    canvas.face(door, body.inside, body.paint((0.16, 0.13, 0.12), material=0), key)


def bathtub(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """A bathtub on feet."""
    enamel, dark = Paint((0.90, 0.91, 0.92), UNKNOWN, GLOSS, snow=0.5), _plain((0.30, 0.28, 0.24))
    x, z = pose.x, pose.z
    light = canvas.light.on((0.0, 0.2, -0.98))
    turn = 1.0 if rng.random() < 0.5 else -1.0
    canvas.shade([(x - 0.8, 0, z - 0.35), (x + 0.8, 0, z - 0.35), (x + 0.8, 0, z + 0.35), (x - 0.8, 0, z + 0.35)], 0.7)
    for dx in (-0.55, 0.55):
        canvas.stroke([(x + dx, 0.2, z), (x + dx * 1.1, 0.02, z)], 0.1, dark, key)
    canvas.disc((x, 0.66, z), 0.85, 0.13, enamel.tinted(0.72), key, light=light)
    shape = [(-0.86, 0.66), (-0.7, 0.3), (-0.5, 0.16), (0.5, 0.16), (0.7, 0.3), (0.86, 0.66)]
    canvas.fill([(x + turn * a, b, z) for a, b in shape], enamel, key, light=light, flat=True)
    canvas.stroke([(x - 0.88, 0.67, z), (x + 0.88, 0.67, z)], 0.07, enamel, key)
    canvas.stroke([(x + turn * 0.75, 0.66, z), (x + turn * 0.75, 0.95, z), (x + turn * 0.55, 0.95, z)], 0.06, dark, key)
