"""Things of no known class, left on the road or the pavement."""

from collections.abc import Callable

import numpy as np

from reliseg.demo.world.camera import Camera, Pose
from reliseg.demo.world.canvas import GLOSS, STREET, Canvas, Colour, Paint
from reliseg.demo.world.cutout import Cutout
from reliseg.demo.world.street import Layout
from reliseg.demo.world.vehicles import Body
from reliseg.labels import UNKNOWN


def scatter(canvas: Canvas, camera: Camera, rng: np.random.Generator, layout: Layout) -> None:
    """Put down two to four things, at least one on the road."""
    kinds: tuple[Callable[[Canvas, np.random.Generator, Pose, float], None], ...] = (
        cow, ball, sofa, boxes, tractor, tent, bathtub
    )  # fmt: skip
    order = rng.permutation(len(kinds))
    for i in range(int(rng.integers(2, 5))):
        z = float(rng.uniform(7, 12) if i == 0 else rng.uniform(5, 8) + 5 * i)
        reach = layout.half - 1.2 if i == 0 or rng.random() < 0.6 else layout.half + 2.0
        right_limit = 0.42 * z + camera.shift - camera.yaw * z
        s = min(max(float(rng.uniform(-1, 1)) * reach, right_limit - 0.84 * z), right_limit)
        pose = Pose.on(camera, s, z, float(rng.uniform(0.5, 1.0)) * (1 if rng.random() < 0.5 else -1))
        kinds[int(order[i])](canvas, rng, pose, STREET + z)


def _unknown_paint(colour: Colour, snow: float = 0.3) -> Paint:
    return Paint(colour, UNKNOWN, snow=snow)


def cow(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a cow, seen from its side."""
    pied = rng.random() < 0.6
    hide = _unknown_paint((0.86, 0.83, 0.78) if pied else (0.48, 0.29, 0.17))
    dark = _unknown_paint((0.12, 0.11, 0.10) if pied else (0.58, 0.38, 0.25))
    turn = 1.0 if rng.random() < 0.5 else -1.0
    figure = Cutout(canvas, (pose.x, 0.0, pose.z), key, canvas.light.on((0.0, 0.3, -0.95)), turn)
    figure.shade(1.0, 0.3, 1.3)
    for ahead, shade in ((-0.62, 0.7), (0.48, 0.7), (-0.78, 1.0), (0.62, 1.0)):
        figure.stroke([(ahead, 0.75), (ahead + 0.04, 0.04)], 0.17, hide.tint(shade))
    belly = [(-0.95, 1.32), (-0.9, 0.72), (-0.4, 0.60), (0.4, 0.62), (0.85, 0.78)]
    figure.fill([*belly, (1.0, 1.2), (0.7, 1.42), (0.0, 1.36), (-0.6, 1.42)], hide)
    for ahead, up, wide in ((-0.5, 1.1, 0.30), (0.15, 1.0, 0.24), (0.62, 1.2, 0.16)):
        figure.disc((ahead, up), (wide, 0.7 * wide), dark)
    figure.fill([(0.8, 1.15), (0.95, 1.45), (1.3, 1.55), (1.5, 1.3), (1.42, 1.12), (1.15, 1.15)], hide)
    figure.fill([(1.34, 1.12), (1.54, 1.2), (1.5, 1.32), (1.36, 1.3)], _unknown_paint((0.72, 0.50, 0.46)))
    figure.stroke([(1.1, 1.5), (1.02, 1.66)], 0.06, dark)
    figure.stroke([(-0.95, 1.3), (-1.06, 0.75)], 0.05, dark)


def ball(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a big striped ball."""
    r = float(rng.uniform(0.55, 0.95))
    colours = [
        _unknown_paint(c) for c in ((0.86, 0.16, 0.20), (0.93, 0.90, 0.84), (0.16, 0.44, 0.76), (0.95, 0.78, 0.16))
    ]
    figure = Cutout(canvas, (pose.x, 0.0, pose.z), key, canvas.light.on((0.0, 0.4, -0.9)))
    figure.shade(0.6 * r, 0.3 * r, 1.6 * r)
    for wide, paint in zip((1.0, 0.72, 0.38), colours, strict=False):
        figure.disc((0.0, r), (wide * r, r), paint)
    sun = 0.3 if canvas.light.direction[0] > 0 else -0.3
    figure.disc((sun * r, 1.85 * r), (0.3 * r, 0.1 * r), colours[3])


def _cuboid(canvas: Canvas, pose: Pose, key: float, size: tuple[float, float, float], colour: Colour) -> Body:
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
    """Draw a sofa."""
    colour: Colour = ((0.62, 0.20, 0.34), (0.24, 0.52, 0.50), (0.72, 0.52, 0.24))[int(rng.integers(3))]
    canvas.shade([pose.at(a, 0, b) for a, b in ((-1, -0.5), (1, -0.5), (1, 0.5), (-1, 0.5))], 0.8)
    dark = (0.8 * colour[0], 0.8 * colour[1], 0.8 * colour[2])
    arm = (0.26, 0.66, 0.9)
    back, seat = ((0.0, 0.34), (2.0, 0.95, 0.25), dark), ((0.0, -0.05), (1.5, 0.46, 0.8), colour)
    for (right, ahead), size, tone in (back, ((-0.88, 0.0), arm, dark), seat, ((0.88, 0.0), arm, dark)):
        x, _, z = pose.at(right, 0.0, ahead)
        _cuboid(canvas, Pose(x, z, pose.cos, pose.sin), key, size, tone)


def boxes(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw cartons fallen from a lorry."""
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
        body = _cuboid(canvas, box, key - 0.01 * dz, (size, size * 0.85, size), (0.66, 0.48, 0.29))
        body.end(-0.5 * size - 0.005, (-0.06, 0.0, 0.06, 0.85 * size), body.paint((0.82, 0.72, 0.52), material=0))


def tractor(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a tractor: no car, no truck."""
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
            canvas.fill(rim, _unknown_paint(tone), key, flat=True)


def tent(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a small tent."""
    colour: Colour = ((0.92, 0.46, 0.10), (0.30, 0.66, 0.30), (0.58, 0.30, 0.68))[int(rng.integers(3))]
    corners = [(-1.1, 0.0, 0.9), (-0.9, 1.2, 0.05), (0.9, 1.2, 0.05), (1.1, 0.0, 0.9)]
    body = Body(canvas, pose, key, UNKNOWN, corners)
    paint = body.paint(colour, snow=0.6, material=0)
    canvas.shade([pose.at(a, 0, b) for a, b in ((-1, -1.2), (1, -1.2), (1, 1.2), (-1, 1.2))], 1.1)
    body.shell([paint, paint, paint, paint], paint)
    door = [pose.at(-0.3, 0.0, -1.13), pose.at(0.3, 0.0, -1.13), pose.at(0.03, 0.9, -0.97), pose.at(-0.03, 0.9, -0.97)]
    canvas.face(door, body.inside, body.paint((0.16, 0.13, 0.12), material=0), key)


def bathtub(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw a bathtub on feet."""
    enamel, dark = Paint((0.90, 0.91, 0.92), UNKNOWN, GLOSS, snow=0.5), _unknown_paint((0.30, 0.28, 0.24))
    turn = 1.0 if rng.random() < 0.5 else -1.0
    figure = Cutout(canvas, (pose.x, 0.0, pose.z), key, canvas.light.on((0.0, 0.2, -0.98)), turn)
    figure.shade(0.8, 0.35, 0.7)
    for right in (-0.55, 0.55):
        figure.stroke([(right, 0.2), (right * 1.1, 0.02)], 0.1, dark)
    figure.disc((0.0, 0.66), (0.85, 0.13), enamel.tint(0.72))
    figure.fill([(-0.86, 0.66), (-0.7, 0.3), (-0.5, 0.16), (0.5, 0.16), (0.7, 0.3), (0.86, 0.66)], enamel)
    figure.stroke([(-0.88, 0.67), (0.88, 0.67)], 0.07, enamel)
    figure.stroke([(0.75, 0.66), (0.75, 0.95), (0.55, 0.95)], 0.06, dark)
