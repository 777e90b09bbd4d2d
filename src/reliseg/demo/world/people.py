"""People on foot, and cycles with or without their riders."""

import numpy as np

from reliseg.demo.world.camera import Point, Pose
from reliseg.demo.world.canvas import BICYCLE, MOTORCYCLE, PERSON, RIDER, Canvas, Colour, Paint
from reliseg.demo.world.cutout import Cutout

SKIN: tuple[Colour, ...] = ((0.80, 0.60, 0.48), (0.62, 0.42, 0.30), (0.40, 0.27, 0.19))
HAIR: tuple[Colour, ...] = ((0.12, 0.09, 0.07), (0.34, 0.22, 0.12), (0.62, 0.50, 0.30), (0.5, 0.5, 0.5))
CLOTHES: tuple[Colour, ...] = (
    (0.14, 0.16, 0.22), (0.45, 0.13, 0.14), (0.20, 0.30, 0.46), (0.62, 0.58, 0.50), (0.24, 0.32, 0.22),
    (0.70, 0.52, 0.20), (0.36, 0.24, 0.38), (0.12, 0.12, 0.13), (0.66, 0.68, 0.70),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((0.13, 0.14, 0.19), (0.22, 0.27, 0.38), (0.10, 0.10, 0.11), (0.42, 0.38, 0.31))


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _head(canvas: Canvas, rng: np.random.Generator, at: Point, key: float, label: int, helmet: bool) -> None:
    x, y, z = at
    light = canvas.light.on((0.0, 0.2, -0.98))
    canvas.stroke([(x, y - 0.2, z), (x, y - 0.08, z)], 0.11, Paint(SKIN[1], label), key, light=light)
    canvas.disc((x, y + 0.01, z), 0.095, 0.13, Paint(_pick(rng, SKIN), label), key, light=light)
    crown = _pick(rng, CLOTHES if helmet else HAIR)
    canvas.disc((x, y + 0.065, z), 0.125 if helmet else 0.105, 0.10, Paint(crown, label), key, light=light)


def person(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float) -> None:
    """Draw someone walking or standing."""
    tall = float(rng.uniform(0.92, 1.06)) * (0.68 if rng.random() < 0.12 else 1.0)
    stride, swing = float(rng.uniform(-0.26, 0.26)), float(rng.uniform(0.05, 0.2))
    coat, legs = Paint(_pick(rng, CLOTHES), PERSON, snow=0.1), Paint(_pick(rng, TROUSERS), PERSON)
    skirt, bag = rng.random() < 0.3, rng.random() < 0.35
    figure = Cutout(canvas, (pose.x, pose.y, pose.z), key, canvas.light.on((0.0, 0.0, -1.0)), tall, tall)
    around = ((-0.25, -0.15), (0.25, -0.15), (0.25, 0.2), (-0.25, 0.2))
    canvas.shade([(pose.x + dx, 0.0, pose.z + dz) for dx, dz in around], 1.7)
    arm = 0.25 + swing
    figure.stroke([(-0.19, 1.40), (-arm, 1.12), (-arm + 0.04, 0.86)], 0.105, coat.tint(0.85))
    _legs(figure, legs, stride)
    _torso(figure, coat, 0.52 if skirt else 0.80)
    figure.stroke([(0.20, 1.40), (arm - 0.02, 1.12), (arm - 0.1, 0.88)], 0.105, coat.tint(0.9))
    figure.disc((arm - 0.1, 0.84), (0.05, 0.06), Paint(SKIN[0], PERSON))
    if bag:
        figure.fill([(-0.36, 0.62), (-0.12, 0.62), (-0.14, 0.92), (-0.34, 0.92)], coat.tint(0.5))
    _head(canvas, rng, figure.at((0.0, 1.65)), key, PERSON, helmet=False)


def _legs(figure: Cutout, paint: Paint, stride: float) -> None:
    shoes = Paint((0.08, 0.07, 0.07), PERSON)
    for sign in (-1.0, 1.0):
        foot = sign * 0.08 + sign * stride
        leg = [(sign * 0.09, 0.88), (0.5 * (sign * 0.11 + foot), 0.48), (foot, 0.05)]
        figure.stroke(leg, 0.155, paint.tint(0.8 + 0.2 * (sign > 0)))
        figure.fill([(foot - 0.08, 0.0), (foot + 0.11, 0.0), (foot + 0.08, 0.09), (foot - 0.07, 0.09)], shoes)


def _torso(figure: Cutout, coat: Paint, hem: float) -> None:
    """Draw the coat, and its half that the sun falls on."""
    right = [(0.18, hem), (0.19, 1.1), (0.235, 1.42), (0.08, 1.51)]
    figure.fill([(-0.17, hem), *right, (-0.08, 1.51), (-0.235, 1.42), (-0.19, 1.1)], coat)
    light = figure.canvas.light
    sunny = 1.0 if light.direction[0] > 0 else -1.0
    edge = ((0.06, hem), (0.18, hem), (0.19, 1.1), (0.23, 1.42), (0.09, 1.49))
    figure.fill([(sunny * right, up) for right, up in edge], coat, 1 + 0.3 * light.strength)


def _ring(pose: Pose, ahead: float, radius: float, count: int = 15) -> list[Point]:
    angles = np.linspace(0, 2 * np.pi, count)
    return [pose.at(0.0, radius + radius * float(np.sin(t)), ahead + radius * float(np.cos(t))) for t in angles]


def bicycle(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float, ridden: bool = False) -> None:
    """Draw a bicycle, with someone on it or parked."""
    frame = Paint(_pick(rng, CLOTHES), BICYCLE, snow=0.2)
    tyre, metal = Paint((0.06, 0.06, 0.065), BICYCLE), Paint((0.42, 0.43, 0.45), BICYCLE)
    at = pose.at
    canvas.shade([at(-0.2, 0, -0.8), at(0.2, 0, -0.8), at(0.2, 0, 0.8), at(-0.2, 0, 0.8)], 1.0, 0.4)
    for ahead in (-0.53, 0.53):
        for turn in np.linspace(0, np.pi, 5)[:-1]:
            dy, dz = 0.33 * float(np.sin(turn)), 0.33 * float(np.cos(turn))
            canvas.stroke([at(0, 0.35 - dy, ahead - dz), at(0, 0.35 + dy, ahead + dz)], 0.012, metal, key)
        canvas.stroke(_ring(pose, ahead, 0.35), 0.06, tyre, key)
    bars = [
        ((0, 0.35, -0.53), (0, 0.33, -0.08), (0, 0.86, -0.22), (0, 0.35, -0.53)),
        ((0, 0.33, -0.08), (0, 0.84, 0.36), (0, 0.80, -0.20)),
        ((0, 0.35, 0.53), (0, 1.02, 0.32)),
    ]
    for bar in bars:
        canvas.stroke([at(*place) for place in bar], 0.055, frame, key)
    canvas.stroke([at(-0.28, 1.06, 0.26), at(0, 1.02, 0.34), at(0.28, 1.06, 0.26)], 0.05, tyre, key)
    canvas.stroke([at(0, 0.93, -0.36), at(0, 0.93, -0.12)], 0.09, tyre, key)
    canvas.fill(
        [at(-0.05, 0.66, -0.9), at(0.05, 0.66, -0.9), at(0.05, 0.75, -0.9), at(-0.05, 0.75, -0.9)],
        Paint((0.6, 0.05, 0.06), BICYCLE, glow=2.0),
        key,
    )
    if ridden:
        _rider(canvas, rng, pose, key, seat=0.97, hands=1.08, pedal=0.3)


def motorcycle(canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float, ridden: bool = False) -> None:
    """Draw a motorcycle or scooter."""
    colour = _pick(rng, CLOTHES)
    paint, dark = Paint(colour, MOTORCYCLE, snow=0.4), Paint((0.07, 0.07, 0.075), MOTORCYCLE)
    metal = Paint((0.48, 0.49, 0.51), MOTORCYCLE)
    at = pose.at
    canvas.shade([at(-0.35, 0, -1.0), at(0.35, 0, -1.0), at(0.35, 0, 1.0), at(-0.35, 0, 1.0)], 1.1, 0.5)
    light = canvas.light.on((0.0, 0.3, -0.95))
    for ahead in (-0.68, 0.70):
        canvas.fill(_ring(pose, ahead, 0.31, 12)[:-1], dark, key, flat=True)
        canvas.stroke([at(0, 0.02, ahead), at(0, 0.6, ahead)], 0.15, dark, key)
        canvas.fill(_ring(Pose(pose.x, pose.z, pose.cos, pose.sin, 0.14), ahead, 0.17, 10)[:-1], metal, key, flat=True)
    for right in (0.18, -0.18) if pose.sin > 0 else (-0.18, 0.18):
        canvas.fill(
            [at(right, 0.28, -0.45), at(right, 0.28, 0.38), at(right, 0.62, 0.42), at(right, 0.60, -0.5)],
            metal.tint(0.6),
            key,
            light=light,
        )
        body = [
            (0.58, -0.95),
            (0.58, -0.1),
            (0.68, 0.3),
            (0.98, 0.42),
            (0.92, 0.05),
            (0.78, -0.15),
            (0.82, -0.75),
            (0.80, -0.98),
        ]
        canvas.fill(
            [at(right, up, ahead) for up, ahead in body], paint, key, light=light * (1.0 if right > 0 else 0.85)
        )
    canvas.fill(
        [at(-0.17, 0.48, -0.95), at(0.17, 0.48, -0.95), at(0.17, 0.82, -0.95), at(-0.17, 0.82, -0.95)],
        paint.tint(0.8),
        key,
        light=light,
    )
    canvas.fill(
        [at(-0.09, 0.68, -0.97), at(0.09, 0.68, -0.97), at(0.09, 0.77, -0.97), at(-0.09, 0.77, -0.97)],
        Paint((0.62, 0.06, 0.07), MOTORCYCLE, glow=2.2),
        key,
    )
    canvas.stroke([at(0, 0.34, 0.70), at(0, 1.0, 0.45)], 0.12, metal, key)
    canvas.stroke([at(-0.36, 1.05, 0.36), at(0, 1.0, 0.46), at(0.36, 1.05, 0.36)], 0.06, dark, key)
    canvas.stroke([at(0, 0.86, -0.8), at(0, 0.86, -0.05)], 0.16, dark, key)
    canvas.disc(at(0, 0.88, 0.62), 0.11, 0.11, Paint((0.9, 0.9, 0.84), MOTORCYCLE, glow=2.5 * (pose.cos < 0)), key)
    if ridden:
        _rider(canvas, rng, pose, key, seat=0.90, hands=1.08, pedal=0.36)


def _rider(
    canvas: Canvas, rng: np.random.Generator, pose: Pose, key: float, *, seat: float, hands: float, pedal: float
) -> None:
    coat, legs = Paint(_pick(rng, CLOTHES), RIDER, snow=0.1), Paint(_pick(rng, TROUSERS), RIDER)
    skin, shoes = Paint(_pick(rng, SKIN), RIDER), Paint((0.08, 0.07, 0.07), RIDER)
    at, light = pose.at, canvas.light.on((0.0, 0.1, -0.99))
    phase = float(rng.uniform(-0.12, 0.12))
    for sign in (-1.0, 1.0):
        low = pedal + sign * phase
        canvas.stroke(
            [at(sign * 0.1, seat, -0.18), at(sign * 0.15, 0.5 * (seat + low) + 0.12, 0.22), at(sign * 0.12, low, 0.0)],
            0.16,
            legs.tint(0.8 + 0.2 * (sign > 0)),
            key,
            light=light,
        )
        canvas.stroke(
            [at(sign * 0.12, low - 0.03, -0.08), at(sign * 0.12, low - 0.03, 0.14)], 0.09, shoes, key, light=light
        )
    lean = 0.18
    shoulder = seat + 0.52
    wide = 0.10 + 0.14 * abs(pose.cos)
    hip, top = at(0, seat - 0.04, -0.2), at(0, shoulder, lean)
    x, z = 0.5 * (hip[0] + top[0]), 0.5 * (hip[2] + top[2])
    torso = [(hip[0] - 0.8 * wide, hip[1], z), (hip[0] + 0.8 * wide, hip[1], z), (x + wide, 0.5 * (hip[1] + top[1]), z)]
    torso += [
        (top[0] + wide, top[1] - 0.03, z),
        (top[0] + 0.4 * wide, top[1] + 0.05, z),
        (top[0] - 0.4 * wide, top[1] + 0.05, z),
    ]
    torso += [(top[0] - wide, top[1] - 0.03, z), (x - wide, 0.5 * (hip[1] + top[1]), z)]
    canvas.fill(torso, coat, key, light=light, flat=True)
    for sign in (-1.0, 1.0):
        canvas.stroke(
            [
                at(sign * 0.22, shoulder - 0.05, lean),
                at(sign * 0.33, shoulder - 0.27, lean + 0.08),
                at(sign * 0.27, hands, 0.28),
            ],
            0.10,
            coat.tint(0.85),
            key,
            light=light,
        )
        canvas.disc(at(sign * 0.27, hands, 0.28), 0.05, 0.05, skin, key, light=light)
    x, y, z = at(0, shoulder + 0.22, lean + 0.06)
    _head(canvas, rng, (x, y, z), key, RIDER, helmet=rng.random() < 0.7)
