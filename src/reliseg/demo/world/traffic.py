"""Who and what is in the street: everything that moves or is parked, and the furniture beside it."""

from collections.abc import Callable

import numpy as np

from reliseg.demo.world.camera import Camera, Pose
from reliseg.demo.world.canvas import NEARBY, STREET, Canvas, Paint
from reliseg.demo.world.furniture import board, lamp, pole_paint, sign, traffic_light, tree
from reliseg.demo.world.people import bicycle, motorcycle, person
from reliseg.demo.world.street import KERB, Layout, Side
from reliseg.demo.world.vehicles import bus, car, train, truck
from reliseg.labels import VOID

BACK = float(np.pi)

Thing = Callable[[Canvas, np.random.Generator, Pose, float], None]


class Traffic:
    """Places things without letting them run into each other in a lane."""

    def __init__(self, camera: Camera, canvas: Canvas, rng: np.random.Generator, layout: Layout) -> None:
        self.camera, self.canvas, self.rng, self.layout = camera, canvas, rng, layout

    def _put(self, thing: Thing, s: float, z: float, heading: float = 0.0, y: float = 0.0) -> None:
        thing(self.canvas, self.rng, Pose.on(self.camera, s, z, heading, y), STREET + z)

    def _lane(self, s: float, first: float, heading: float, gap: float, busy: float) -> None:
        z = first
        while z < 110:
            draw = self.rng.random()
            if draw < busy:
                pick = self.rng.random()
                if pick < 0.62:
                    self._put(car, s, z + 2.5, heading)
                    z += 5
                elif pick < 0.76:
                    self._put(truck, s, z + 5, heading)
                    z += 10
                elif pick < 0.88:
                    self._put(bus, s, z + 6, heading)
                    z += 12
                else:
                    self._cyclist(s + float(self.rng.uniform(-0.6, 0.6)), z + 1, heading)
                    z += 3
            z += float(self.rng.uniform(0.4, 1.0)) * gap

    def _cyclist(self, s: float, z: float, heading: float) -> None:
        thing = motorcycle if self.rng.random() < 0.55 else bicycle
        turn = float(self.rng.uniform(-0.35, 0.35))
        place = Pose.on(self.camera, s, z, heading + turn)
        thing(self.canvas, self.rng, place, STREET + z, True)

    def add_moving_traffic(self) -> None:
        """Fill the lanes of both directions, and put a tram on rails."""
        layout, rng = self.layout, self.rng
        drive = layout.half - 2.1 * layout.parking
        busy = float(rng.uniform(0.15, 0.75))
        for i in range(layout.lanes):
            middle = drive * (i + 0.5) / layout.lanes
            if layout.rails and i == 0:
                continue
            self._lane(middle, float(rng.uniform(8, 22)), 0.0, 22, busy)
            self._lane(-middle, float(rng.uniform(6, 16)), BACK, 18, busy)
        if layout.rails and rng.random() < 0.95:
            z = float(rng.uniform(12, 36))
            if rng.random() < 0.65:
                self._put(train, -1.6, z + 5.8, BACK)
            else:
                self._put(train, 1.6, z + 21.0, 0.0)
        if layout.crossing and rng.random() < 0.35:
            thing: Thing = (car, bus, truck)[int(rng.integers(3))]
            middle = 0.5 * (layout.crossing[0] + layout.crossing[1])
            self._put(thing, float(rng.uniform(-14, 14)), middle, 0.5 * BACK * (1 if rng.random() < 0.5 else -1))
        for _ in range(int(rng.integers(0, 3))):
            heading = (0.0, BACK, 0.5 * BACK)[int(rng.integers(3))]
            s = float(rng.uniform(0.55, 0.95)) * drive * (-1 if heading == BACK else 1)
            self._cyclist(s, float(rng.uniform(7, 28)), heading)

    def add_parked_vehicles(self) -> None:
        """Put cars along the kerb, bicycles and motorcycles on the pavement."""
        layout, rng = self.layout, self.rng
        for side in layout.sides:
            if layout.parking:
                self._kerbside(side)
            for _ in range(int(rng.integers(0, 3))):
                z, s = float(rng.uniform(5, 30)), layout.half + side.verge + 0.9
                if layout.open_at(z):
                    continue
                thing = bicycle if rng.random() < 0.55 else motorcycle
                for i in range(int(rng.integers(1, 5))):
                    heading = side.sign * float(rng.uniform(0.7, 1.3))
                    self._put(thing, side.sign * s, z + 2.4 - 0.75 * i, heading, KERB)

    def _kerbside(self, side: Side) -> None:
        rng, layout = self.rng, self.layout
        z = float(rng.uniform(2, 8))
        full = float(rng.uniform(0.3, 0.95))
        while z < 95:
            blocked = layout.open_at(z - 3) or layout.open_at(z + 6)
            if rng.random() < full and not blocked:
                heading = 0.0 if side.sign > 0 or rng.random() < 0.3 else BACK
                pose = Pose.on(self.camera, side.sign * (layout.half - 1.05), z + 2.5, heading)
                if rng.random() < 0.07:
                    truck(self.canvas, rng, pose, STREET + z + 2.5)
                    z += 4
                else:
                    car(self.canvas, rng, pose, STREET + z + 2.5, False)
            z += float(rng.uniform(5.4, 7))

    def add_people(self) -> None:
        """Put people on the pavements, and some who cross the road."""
        rng, layout = self.rng, self.layout
        for side in layout.sides:
            for _ in range(int(rng.integers(0, 6))):
                z = float(6 + 40 * rng.random() ** 1.4)
                s = layout.half + side.verge + float(rng.uniform(0.3, 0.95)) * side.walk
                self._put(person, side.sign * s, z, 0.0, KERB)
                if rng.random() < 0.35:
                    self._put(person, side.sign * (s + 0.6), z + 0.3, 0.0, KERB)
        if rng.random() < 0.4:
            z = layout.crossing[0] - 3 if layout.crossing else float(rng.uniform(10, 30))
            for _ in range(int(rng.integers(1, 4))):
                self._put(person, float(rng.uniform(-layout.half, layout.half)), z + float(rng.uniform(-1, 1)))

    def add_furniture(self) -> None:
        """Put up lamps, trees in the verge, signs, traffic lights and bollards."""
        rng, layout = self.rng, self.layout
        paint, spacing, height = pole_paint(rng), float(rng.uniform(18, 30)), float(rng.uniform(5.5, 8.5))
        for side in layout.sides:
            kerb = side.sign * (layout.half + 0.55)
            for z in np.arange(float(rng.uniform(5, spacing)), 130, spacing):
                if not layout.open_at(float(z)):
                    lamp(self.canvas, self.camera, kerb, float(z), height, paint)
            if side.verge or rng.random() < 0.35:
                self._avenue(side, spacing)
            for _ in range(int(rng.integers(0, 3))):
                z = float(rng.uniform(7, 38))
                if not layout.open_at(z):
                    sign(self.canvas, rng, self.camera, kerb * 1.04, z, paint)
            if rng.random() < 0.25:
                self._bollards(side, paint)
            if rng.random() < 0.14:
                board(self.canvas, self.camera, side.sign * (side.edge - 0.4), float(rng.uniform(12, 30)), paint)
        if layout.crossing or rng.random() < 0.35:
            z = layout.crossing[0] - 5.6 if layout.crossing else float(rng.uniform(12, 35))
            for side in layout.sides:
                traffic_light(self.canvas, rng, self.camera, side.sign * (layout.half + 0.7), z, paint)

    def _avenue(self, side: Side, spacing: float) -> None:
        rng, layout = self.rng, self.layout
        gap, tall = float(rng.uniform(0.4, 0.9)) * spacing, float(rng.uniform(5.5, 9.5))
        s = layout.half + (0.55 * side.verge if side.verge else 0.9)
        for z in np.arange(float(rng.uniform(9, 9 + gap)), 120, gap):
            if not layout.open_at(float(z)):
                foot = self.camera.road(side.sign * s, float(z), KERB)
                tree(self.canvas, rng, foot, tall * float(rng.uniform(0.85, 1.15)), STREET + float(z))

    def _bollards(self, side: Side, paint: Paint) -> None:
        start = float(self.rng.uniform(5, 16))
        for z in np.arange(start, start + 18, 2.2):
            x, y, depth = self.camera.road(side.sign * (self.layout.half + 0.35), float(z), KERB)
            shape = [
                (x - 0.07, y, depth),
                (x + 0.07, y, depth),
                (x + 0.07, y + 0.95, depth),
                (x - 0.07, y + 0.95, depth),
            ]
            if not self.layout.open_at(float(z)):
                self.canvas.fill(shape, paint.tint(0.8), STREET + depth, flat=True)


def bonnet(canvas: Canvas, rng: np.random.Generator) -> None:
    """Draw the own car's bonnet at the lower edge, in some scenes."""
    if rng.random() > 0.45:
        return
    height, width = canvas.size
    tone = float(rng.uniform(0.05, 0.4))
    rise = float(rng.uniform(0.035, 0.08)) * height
    camera, z = canvas.camera, 0.8
    columns = np.linspace(-0.02, 1.02, 15)
    rows = height - rise * (1 - (2 * columns - 1) ** 2 * 0.75)
    pixels = [*zip(columns * width, rows, strict=True), (1.02 * width, height + 9.0), (-0.02 * width, height + 9.0)]
    shape = [
        ((u - camera.centre) * z / camera.focal, camera.height - (v - camera.horizon) * z / camera.focal, z)
        for u, v in pixels
    ]
    for drop, light in ((0.0, 1.25), (0.012, 1.0)):
        lowered = [(x, y - drop, depth) for x, y, depth in shape]
        canvas.fill(lowered, Paint((tone, tone, tone * 1.05), VOID, snow=0.3), NEARBY, light=light, flat=True)
