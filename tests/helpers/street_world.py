"""A straight street, an empty canvas and a level camera for tests of the drawn world, and what is seen on them."""

from collections.abc import Callable

import numpy as np

from reliseg.demo.world.camera import Camera, Pose
from reliseg.demo.world.canvas import Canvas, Light, Raster
from reliseg.demo.world.shading import Sky
from reliseg.demo.world.street import Layout, Side

SIZE = (120, 240)
OVERCAST = Light((0.0, 1.0, 0.0), 0.0, 0.8)
SUNNY = Light((0.6, 0.8, 0.0), 0.8, 0.8)
GREY_SKY = Sky((0.7, 0.7, 0.7), (0.7, 0.7, 0.7), 0.0, 0.9, (0.0, 0.0))

Thing = Callable[[Canvas, np.random.Generator, Pose, float], None]


def straight_camera(**changes: float) -> Camera:
    """Return a level camera in the middle of a straight street, 1.5 m high: horizon in row 50, middle in column 120."""
    values = {"focal": 200.0, "centre": 120.0, "horizon": 50.0, "height": 1.5, "yaw": 0.0, "bend": 0.0, "shift": 0.0}
    return Camera(**(values | changes))


def empty_canvas(light: Light = OVERCAST, camera: Camera | None = None, size: tuple[int, int] = SIZE) -> Canvas:
    return Canvas(camera or straight_camera(), light, size)


def straight_layout(style: str = "urban", crossing: tuple[float, float] | None = None) -> Layout:
    """Return a street with one lane of 3.5 m for each direction, and pavements of 3 m."""
    left, right = (Side(sign, 0.0, 3.0, 6.5, 6.5, style) for sign in (-1, 1))
    return Layout(half=3.5, lanes=1, parking=False, rails=False, crossing=crossing, sides=(left, right))


def label_picture(canvas: Canvas) -> np.ndarray:
    """Return the class of each pixel of the painted canvas."""
    raster = canvas.raster()
    return raster.column("label").astype(int)[raster.ids]


def draw_thing(thing: Thing, z: float = 8.0, seed: int = 0, heading: float = 0.4) -> Raster:
    """Return the raster of one thing in the middle of the street, `z` metres ahead."""
    canvas = empty_canvas()
    thing(canvas, np.random.default_rng(seed), Pose.on(canvas.camera, 0.0, z, heading), 0.0)
    return canvas.raster()


def labels_of(raster: Raster) -> np.ndarray:
    return raster.column("label").astype(int)[raster.ids]


def equal_rasters(first: Raster, second: Raster) -> bool:
    """Tell if two rasters have the same surfaces in the same pixels, and the same shadows."""
    pairs = ((first.ids, second.ids), (first.table, second.table), (first.shadow, second.shadow))
    return all(np.array_equal(a, b) for a, b in pairs) and first.lamps == second.lamps
