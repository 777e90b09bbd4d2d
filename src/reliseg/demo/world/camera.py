"""A pinhole camera in a street, and the frame that turns street positions into camera coordinates."""

from dataclasses import dataclass

import numpy as np

Point = tuple[float, float, float]
"""Right, up from the ground, and ahead of the camera, in metres."""

NEAR = 0.7
"""Metres ahead of the camera; nothing nearer is drawn."""


@dataclass(frozen=True)
class Camera:
    """Level camera above a gently bending street; pixel units, metres, radians."""

    focal: float
    centre: float
    horizon: float
    height: float
    yaw: float
    bend: float
    shift: float

    def road(self, s: float, z: float, y: float = 0.0) -> Point:
        """Return the camera coordinates of the place `s` metres right of the street's middle, `z` ahead, `y` up."""
        return (s + self.yaw * z + 0.5 * self.bend * z * z - self.shift, y, z)

    def tangent(self, z: float) -> float:
        """Return the direction of the street at distance `z`, in radians to the right."""
        return self.yaw + self.bend * z

    def project(self, point: Point) -> tuple[float, float]:
        """Return column and row of a point ahead of the camera."""
        x, y, z = point
        scale = self.focal / z
        return self.centre + x * scale, self.horizon + (self.height - y) * scale

    def plane(self, a: Point, b: Point, c: Point) -> tuple[float, float, float] | None:
        """Return (p, q, r) of the plane through three points: its inverse depth is p * column + q * row + r.

        None if the camera sees the plane edge-on, or the points lie on a line.
        """
        h = self.height
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        offset = nx * a[0] + ny * (a[1] - h) + nz * a[2]
        if abs(offset) <= 0.02 * (abs(nx) + abs(ny) + abs(nz)):
            return None
        p, q = nx / (self.focal * offset), -ny / (self.focal * offset)
        return p, q, nz / offset - p * self.centre - q * self.horizon


@dataclass(frozen=True)
class Pose:
    """Where a thing stands and where it heads: a point on the ground, and an angle to the right of straight ahead."""

    x: float
    z: float
    cos: float
    sin: float
    y: float = 0.0

    @classmethod
    def on(cls, camera: Camera, s: float, z: float, heading: float = 0.0, y: float = 0.0) -> "Pose":
        """Stand at `s`, `z` of the street, heading relative to the street's direction there."""
        angle = heading + camera.tangent(z)
        return cls(camera.road(s, z)[0], z, float(np.cos(angle)), float(np.sin(angle)), y)

    def at(self, right: float, up: float, ahead: float) -> Point:
        """Return the camera coordinates of a point relative to the thing."""
        x = self.x + right * self.cos + ahead * self.sin
        return (x, self.y + up, self.z - right * self.sin + ahead * self.cos)


def clip_to_near(points: list[Point]) -> list[Point]:
    """Return the part of a polygon that lies ahead of the near plane."""
    if all(point[2] >= NEAR for point in points):
        return points
    visible: list[Point] = []
    for before, after in zip(points, points[1:] + points[:1], strict=True):
        if before[2] >= NEAR:
            visible.append(before)
        if (before[2] >= NEAR) != (after[2] >= NEAR):
            t = (NEAR - before[2]) / (after[2] - before[2])
            visible.append((before[0] + t * (after[0] - before[0]), before[1] + t * (after[1] - before[1]), NEAR))
    return visible
