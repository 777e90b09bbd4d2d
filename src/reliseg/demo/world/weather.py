"""Fog, night, rain and snow, from depth and surfaces; and the camera's own faults."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from reliseg.demo.world.canvas import ROAD, SIDEWALK, SKY
from reliseg.demo.world.shading import Picture, Plane, View
from reliseg.demo.world.textures import noise_tile
from reliseg.types import UInt8


def add_haze(image: Picture, depth: Plane, beta: float, air: tuple[float, float, float]) -> Picture:
    """Return the image seen through air, which takes and adds light: J exp(-beta d) + A (1 - exp(-beta d))."""
    transmission = np.exp(-beta * depth)[..., None].astype(np.float32)
    hazy: Picture = image * transmission + np.array(air, np.float32) * (1 - transmission)
    return hazy


def _blur(image: Picture, radius: float) -> Picture:
    picture = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.BoxBlur(radius)), np.float32) / 255


def _tile(slope: float, rng: np.random.Generator, size: tuple[int, ...]) -> Plane:
    tile = noise_tile(slope)
    row, column = (int(value) for value in rng.integers(0, 512, 2))
    rows, columns = (np.arange(size[0]) + row) & 511, (np.arange(size[1]) + column) & 511
    window: Plane = tile[rows[:, None], columns[None, :]]
    return window


def _desaturate(image: Picture, saturation: float) -> Picture:
    grey = image.mean(axis=2, keepdims=True)
    paler: Picture = grey + np.float32(saturation) * (image - grey)
    return paler


def fog(view: View, rng: np.random.Generator) -> Picture:
    """Return the view in dense to moderate fog: visibility (5 % contrast) of 80 to 250 m."""
    beta = 3.0 / float(rng.uniform(80, 250))
    tone = float(rng.uniform(0.66, 0.82))
    thick = beta * (1 + 0.12 * _tile(1.8, rng, view.depth.shape))
    transmission = np.exp(-thick * view.depth)[..., None].astype(np.float32)
    air = np.array([tone, tone * 1.005, tone * 1.015], np.float32)
    image: Picture = _desaturate(view.day, 0.8) * 0.92 * transmission + air * (1 - transmission)
    return image


def _world_coordinates(view: View, step: int = 1) -> tuple[Plane, Plane, Plane]:
    """Return the metres right of the camera, above the ground and ahead, of every `step`-th pixel."""
    camera, ahead = view.camera, np.minimum(view.depth[::step, ::step], np.float32(300))
    scale = ahead / np.float32(camera.focal)
    height, width = view.depth.shape
    columns, rows = np.arange(0, width, step, dtype=np.float32), np.arange(0, height, step, dtype=np.float32)
    right = (columns - np.float32(camera.centre))[None] * scale
    return right, np.float32(camera.height) - (rows - np.float32(camera.horizon))[:, None] * scale, ahead


def _pool(view: View) -> Plane:
    """Return the light of the nearest street lamps on every surface; it falls with the squared distance."""
    (height, width), step = view.depth.shape, 2
    right, up, ahead = _world_coordinates(view, step)
    total = np.zeros(ahead.shape, np.float32)
    for x, y, z in sorted(view.lamps, key=lambda lamp: lamp[2])[:8]:
        below = np.clip((y - up) / 3, 0, 1)
        total += below / (1 + 0.035 * ((right - x) ** 2 + (up - y) ** 2 + (ahead - z) ** 2))
    return total.repeat(step, 0).repeat(step, 1)[:height, :width]


def _headlights(view: View) -> Plane:
    """Return the light of the own headlights: a cone ahead, cut off above the horizon, fading with distance."""
    right, up, ahead = _world_coordinates(view)
    turn, rise = right / ahead, (up - np.float32(view.camera.height)) / ahead
    beam = np.exp(-((turn / 0.42) ** 2) - (np.maximum(rise - 0.02, 0) / 0.05) ** 2)
    light: Plane = beam / (1 + (ahead / 15) ** 2)
    return light


def night(view: View, rng: np.random.Generator) -> Picture:
    """Return the view at night: street lamps, own headlights, lit windows, glare."""
    ambient = float(rng.uniform(0.12, 0.20))
    warm = np.array([1.0, 0.80, 0.52], np.float32)
    own = np.array([1.0, 0.97, 0.90], np.float32)
    light = ambient * np.array([0.80, 0.90, 1.20], np.float32)
    light = light + (float(rng.uniform(0.7, 1.1)) * _pool(view))[..., None] * warm
    light += (0.9 * _headlights(view))[..., None] * own
    sky = (view.truth == SKY)[..., None]
    rows = np.linspace(0.4, 1.0, view.depth.shape[0], dtype=np.float32)[:, None, None]
    dark = np.array([0.055, 0.050, 0.060], np.float32) * (rows * float(rng.uniform(0.7, 1.6)))
    image = np.where(sky, dark, view.day * light) + 0.55 * view.glow
    bright = np.clip(0.55 * view.glow, 0, 1)
    image += 0.9 * _blur(bright, 5) + 0.5 * _blur(bright, 14)
    return image


def _mirror(view: View, image: Picture) -> Picture:
    """Return the reflection in a wet road: the picture upside down about the horizon, smeared downwards."""
    rows = np.arange(image.shape[0])
    source = np.clip(2 * round(view.camera.horizon) - rows, 0, image.shape[0] - 1)
    smeared = _blur(image, 2)[source]
    for shift in (5, 9):
        smeared = 0.5 * (smeared + np.roll(smeared, shift, axis=0))
    return smeared.astype(np.float32)


def rain(view: View, rng: np.random.Generator) -> Picture:
    """Return the view in rain, dark and wet: mirroring road, veil, streaks, drops on the glass."""
    dim = float(rng.uniform(0.66, 0.85))
    low = np.isin(view.truth, (ROAD, SIDEWALK)).astype(np.float32)
    puddles = np.clip(0.5 + 0.35 * _tile(1.7, rng, low.shape), 0.1, 0.85)
    share = (low * puddles * np.where(view.truth == ROAD, 0.75, 0.4)).astype(np.float32)[..., None]
    wet = view.day * (1 - 0.38 * low[..., None])
    image = wet * (1 - share) + _mirror(view, view.day) * share
    image = add_haze(_desaturate(image, 0.75) * dim, view.depth, 0.008, (0.58, 0.60, 0.63))
    streaks = Image.new("L", (low.shape[1], low.shape[0]), 0)
    pen, slant = ImageDraw.Draw(streaks), float(rng.uniform(-0.25, 0.25))
    for x, y, near in rng.random((int(rng.integers(250, 600)), 3)):
        long = 4 + 22 * near**3
        start = (x * low.shape[1], y * low.shape[0])
        pen.line([start, (start[0] + slant * long, start[1] + long)], fill=int(18 + 45 * near), width=1)
    image = image + np.asarray(streaks.filter(ImageFilter.BoxBlur(0.6)), np.float32)[..., None] / 255
    return _drops(image, rng)


def _drops(image: Picture, rng: np.random.Generator) -> Picture:
    """Add drops on the windscreen: each shows a small blurred picture of the scene, upside down."""
    height, width = image.shape[:2]
    soft = _blur(image, 3)
    for x, y, wide in rng.random((int(rng.integers(6, 22)), 3)):
        r = int(2 + 8 * wide**2)
        u, v = int(r + x * (width - 2 * r)), int(r + y * (height - 2 * r))
        grid = np.arange(-r, r) + 0.5
        inside = np.clip(1.6 - 1.6 * np.hypot(grid[:, None], 0.85 * grid[None]) / r, 0, 0.85)[..., None]
        rows, columns = (
            np.clip(v - 5 * np.arange(-r, r), 0, height - 1),
            np.clip(u - 5 * np.arange(-r, r), 0, width - 1),
        )
        patch = image[v - r : v + r, u - r : u + r]
        patch[:] = (1 - inside) * patch + inside * soft[rows[:, None], columns[None]]
    return image


def snow(view: View, rng: np.random.Generator) -> Picture:
    """Return the view in snow: on all that faces upward, a whitish veil, flakes that are larger when nearer."""
    amount = float(rng.uniform(0.75, 1.25))
    rough = 0.16 * _tile(1.0, rng, view.depth.shape) + 0.10 * _tile(1.5, rng, view.depth.shape)
    cover = np.clip(2.4 * (view.snow * amount + rough * (view.snow > 0.15) - 0.42), 0, 1)
    tracks = np.clip(_tracks(view), 0, 1) * (view.truth == ROAD)
    cover = (cover * (1 - 0.75 * tracks))[..., None].astype(np.float32)
    bright = 0.30 * view.day.mean(axis=2, keepdims=True) + 0.62
    image = _desaturate(view.day, 0.85) * 0.88 * (1 - cover) + cover * bright * np.array([0.97, 0.99, 1.03], np.float32)
    image = add_haze(image, view.depth, float(rng.uniform(0.008, 0.02)), (0.78, 0.80, 0.83))
    return _flakes(image, view.depth, rng)


def _tracks(view: View) -> Plane:
    """Return 1 and more where wheels of either direction have cleared the road of snow, less elsewhere."""
    right, _, ahead = _world_coordinates(view)
    camera = view.camera
    street = right - np.float32(camera.yaw) * ahead - np.float32(0.5 * camera.bend) * ahead * ahead
    wheels = np.abs(np.abs(street) - 0.8), np.abs(np.abs(street + np.float32(2 * camera.shift)) - 0.8)
    cleared: Plane = 1.5 - np.minimum(*wheels) / 0.32
    return cleared


def _flakes(image: Picture, depth: Plane, rng: np.random.Generator) -> Picture:
    height, width = depth.shape
    layer = Image.new("L", (2 * width, 2 * height), 0)
    pen = ImageDraw.Draw(layer)
    for x, y, near in rng.random((int(rng.integers(350, 800)), 3)):
        away = 0.8 + 14 * (1 - near**2)
        u, v = x * width, y * height
        if depth[int(v), int(u)] > away:
            r = min(7.0, 6.0 / away + 0.5)
            pen.ellipse([2 * u - r, 2 * v - r, 2 * u + r, 2 * v + r], fill=int(120 + 90 * near))
    soft = layer.filter(ImageFilter.BoxBlur(1)).resize((width, height), Image.Resampling.BOX)
    cover = np.asarray(soft, np.float32)[..., None] / 255
    return image * (1 - cover) + cover * np.float32(0.95)


def clear(view: View, rng: np.random.Generator) -> Picture:
    """Return the view in fine weather with a little haze, which ends before the sky."""
    return add_haze(
        view.day, np.minimum(view.depth, np.float32(120)), float(rng.uniform(0.0003, 0.003)), (0.78, 0.84, 0.90)
    )


WEATHER = {"clear": clear, "fog": fog, "night": night, "rain": rain, "snow": snow}


def photograph(image: Picture, rng: np.random.Generator, grain: float) -> UInt8[np.ndarray, "h w 3"]:
    """Photograph the picture: exposure, white balance, vignette, lens blur, sensor noise and JPEG, all mild."""
    height, width = image.shape[:2]
    balance = (1 + rng.uniform(-0.02, 0.02, 3)) * rng.uniform(0.95, 1.15)
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0.02, 0.10)) * (x * x + y * y)
    image = image * balance.astype(np.float32) * vignette[..., None]
    image = np.clip(image, 0, 1) ** np.float32(rng.uniform(0.92, 1.08))
    shot = rng.standard_normal(image.shape, np.float32)
    image += shot * np.float32(grain * rng.uniform(0.5, 1.2))
    picture = Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.55))))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(80, 96)))
    return np.asarray(Image.open(buffer).convert("RGB"))
