"""Upright flat figures that face the camera."""

from collections.abc import Sequence
from dataclasses import dataclass

from reliseg.demo.world.camera import Point
from reliseg.demo.world.canvas import Canvas, Paint

Spot = tuple[float, float]
"""Right of the foot and above it, in metres before scaling."""


@dataclass(frozen=True)
class Cutout:
    """A figure over a foot point; `wide` and `tall` scale its parts, a negative `wide` mirrors it."""

    canvas: Canvas
    foot: Point
    key: float
    light: float
    wide: float = 1.0
    tall: float = 1.0

    def at(self, spot: Spot) -> Point:
        """Return the camera coordinates of a spot."""
        x, y, z = self.foot
        return (x + spot[0] * self.wide, y + spot[1] * self.tall, z)

    def fill(self, spots: Sequence[Spot], paint: Paint, gain: float = 1.0) -> None:
        """Add a polygon."""
        self.canvas.fill([self.at(spot) for spot in spots], paint, self.key, light=self.light * gain, flat=True)

    def box(self, low: Spot, high: Spot, paint: Paint) -> None:
        """Add a rectangle between two corners."""
        self.fill([low, (high[0], low[1]), high, (low[0], high[1])], paint)

    def stroke(self, spots: Sequence[Spot], width: float, paint: Paint) -> None:
        """Add a line; its width is not scaled."""
        self.canvas.stroke([self.at(spot) for spot in spots], width, paint, self.key, light=self.light)

    def disc(self, centre: Spot, half: Spot, paint: Paint) -> None:
        """Add an ellipse; its half axes are not scaled."""
        self.canvas.disc(self.at(centre), half[0], half[1], paint, self.key, light=self.light)

    def shade(self, half: float, deep: float, height: float) -> None:
        """Add the shadow of a flat box around the foot."""
        x, _, z = self.foot
        corners = ((-half, -deep), (half, -deep), (half, deep), (-half, deep))
        self.canvas.shade([(x + dx, 0.0, z + dz) for dx, dz in corners], height)
