"""Street scenes drawn from a number: picture, classes and depth, in five weathers."""

from dataclasses import dataclass

import numpy as np

from reliseg.demo.world.buildings import Builder
from reliseg.demo.world.camera import Camera
from reliseg.demo.world.canvas import Canvas, Light
from reliseg.demo.world.oddities import scatter
from reliseg.demo.world.shading import Sky, view
from reliseg.demo.world.street import Layout, draw_ground, plan
from reliseg.demo.world.traffic import Traffic, bonnet
from reliseg.demo.world.weather import WEATHER, photograph
from reliseg.types import Float32, UInt8

CONDITIONS = tuple(WEATHER)
"""The weathers that `draw` knows."""


@dataclass(frozen=True)
class Scene:
    """A drawn photograph with its classes (Cityscapes' 19, 255 void, 254 unknown) and depth in metres."""

    image: UInt8[np.ndarray, "h w 3"]
    truth: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]


def draw(seed: int, condition: str, unknown: bool = False, size: tuple[int, int] = (256, 512)) -> Scene:
    """Draw the scene of a seed; its geometry is the same in every condition. The sky's depth is infinite."""
    if condition not in CONDITIONS:
        raise ValueError(f"condition is {condition!r}; there are: {', '.join(CONDITIONS)}")
    number = CONDITIONS.index(condition)
    rng = np.random.default_rng([seed, 0])
    layout = plan(rng)
    camera = _camera(rng, layout, size)
    sky, light = _day(np.random.default_rng([seed, 1]), condition)
    canvas = Canvas(camera, light, (2 * size[0], 2 * size[1]))
    _populate(canvas, rng, layout)
    if unknown:
        scatter(canvas, camera, np.random.default_rng([seed, 2]), layout)
    daylight = view(canvas.raster(), sky, night=condition == "night", snow=condition == "snow")
    weather = np.random.default_rng([seed, 3, number])
    image = WEATHER[condition](daylight, weather)
    grain = 0.045 if condition == "night" else 0.012
    return Scene(photograph(image, weather, grain), daylight.truth, daylight.depth)


def _populate(canvas: Canvas, rng: np.random.Generator, layout: Layout) -> None:
    draw_ground(canvas.camera, rng, canvas, layout)
    builder = Builder(canvas.camera, canvas, rng, layout)
    builder.skyline()
    for side in layout.sides:
        builder.side(side)
    traffic = Traffic(canvas.camera, canvas, rng, layout)
    traffic.add_furniture()
    traffic.add_parked_vehicles()
    traffic.add_moving_traffic()
    traffic.add_people()
    bonnet(canvas, rng)


def _camera(rng: np.random.Generator, layout: Layout, size: tuple[int, int]) -> Camera:
    height, width = 2 * size[0], 2 * size[1]
    lane = (layout.half - 2.1 * layout.parking) / layout.lanes
    return Camera(
        focal=width * float(rng.uniform(0.82, 1.0)),
        centre=width * float(rng.uniform(0.47, 0.53)),
        horizon=height * float(rng.uniform(0.40, 0.48)),
        height=float(rng.uniform(1.25, 1.7)),
        yaw=float(rng.uniform(-0.06, 0.06)),
        bend=float(rng.uniform(-1, 1)) / 380,
        shift=lane * float(rng.uniform(0.35, 0.65)) + (layout.rails and layout.lanes > 1) * 0.3,
    )


def _day(rng: np.random.Generator, condition: str) -> tuple[Sky, Light]:
    turn, rise = float(rng.uniform(0, 6.283)), float(rng.uniform(0.45, 1.05))
    direction = (float(np.cos(rise) * np.sin(turn)), float(np.sin(rise)), float(np.cos(rise) * np.cos(turn)))
    drift = (float(rng.uniform(0, 512)), float(rng.uniform(0, 512)))
    clouds, blue = float(rng.uniform(0.15, 0.85)), float(rng.uniform(0.85, 1.15))
    dull = max(0.0, clouds - 0.6) / 0.25
    sun = max(0.0, 1.0 - dull) * float(rng.uniform(0.7, 1.0))
    if condition == "clear":
        sky = Sky((0.36 * blue, 0.56 * blue, 0.84 * blue), (0.78, 0.86, 0.93), clouds, 0.95 - 0.12 * dull, drift)
        return sky, Light(direction, sun, sun)
    grey = {"fog": 0.78, "night": 0.5, "rain": 0.70, "snow": 0.84}[condition]
    sky = Sky((grey * 0.97, grey * 0.99, grey * 1.02), (grey, grey, grey * 1.01), 0.45, grey * 0.93, drift)
    return sky, Light(direction, 0.0, sun)
