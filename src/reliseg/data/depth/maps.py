"""What a spec says of its depth maps: the table [depth]."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from reliseg.data.spec import Spec, check_keys, strings
from reliseg.data.template import Template
from reliseg.errors import ConfigError
from reliseg.runtime.text_files import quoted

Number: TypeAlias = float | str
"""A number that holds for all images; or where it stands in the camera's file of an image, as `intrinsic.fx`."""
_KEYS = ("map", "camera", "stores", "offset", "scale", "holes", "focal", "baseline", "center")
_LARGEST = 65_535


@dataclass(frozen=True)
class DepthMaps:
    """Where depth maps lie, and how metres are made of what is stored in them."""

    spec: Spec
    map: tuple[Template, ...]
    camera: tuple[Template, ...]
    """Files of the cameras; none where no number stands in them."""
    stores: Literal["disparity", "metres"]
    offset: float
    scale: float
    """`(stored - offset) / scale` are pixels of disparity, or metres."""
    holes: tuple[int, ...]
    """Stored values of pixels whose depth is not known."""
    focal: Number | None
    """In pixels."""
    baseline: Number | None
    """In metres, of disparities."""
    center: tuple[Number, ...]
    """Column and row of the camera's axis; where they are not known, depth along it stands for distance."""

    def facts(self) -> dict[str, Any]:
        """Return how metres are made: content, no names."""
        numbers = {"stores": self.stores, "offset": self.offset, "scale": self.scale, "holes": list(self.holes)}
        return numbers | {"focal": self.focal, "baseline": self.baseline, "center": list(self.center)}

    @property
    def numbers(self) -> tuple[Number, ...]:
        """What must be known of a camera."""
        return tuple(n for n in (self.focal, self.baseline, *self.center) if n is not None)

    @property
    def reads_camera(self) -> bool:
        """Whether any of them stands in the camera's file."""
        return any(isinstance(n, str) for n in self.numbers)


def read_depth_maps(spec: Spec) -> DepthMaps | None:
    """Return what a spec says of its depth maps, None where it says nothing; a ConfigError for what cannot be."""
    table = spec.depth
    if not table:
        return None
    where = f"data set spec {spec.name}: depth"
    check_keys(where, table, _KEYS)
    if "map" not in table:
        raise ConfigError(f"{where}: the key map is missing: where depth maps lie, as image says of images")
    stores = table.get("stores", "disparity")
    if stores not in ("disparity", "metres"):
        raise ConfigError(f"{where}: stores is 'disparity' or 'metres', not {quoted(stores)}")
    center = table.get("center", [])
    if not isinstance(center, list) or len(center) not in (0, 2):
        raise ConfigError(f"{where}: center is a column and a row, like [1024, 512], not {quoted(center)}")
    maps = DepthMaps(
        spec,
        _templates(where, "map", table, spec),
        _templates(where, "camera", table, spec) if "camera" in table else (),
        stores,
        _float(f"{where}: offset", table.get("offset", 0)),
        _positive(f"{where}: scale", table.get("scale", 1)),
        _holes(f"{where}: holes", table.get("holes", [0])),
        _number(f"{where}: focal", table["focal"]) if "focal" in table else None,
        _number(f"{where}: baseline", table["baseline"]) if "baseline" in table else None,
        tuple(n if isinstance(n, str) else _float(f"{where}: center", n) for n in center),
    )
    _check(where, maps)
    return maps


def _check(where: str, maps: DepthMaps) -> None:
    """Raise a ConfigError where what is needed is not said."""
    if maps.stores == "disparity" and (maps.focal is None or maps.baseline is None):
        raise ConfigError(f"{where}: disparities need focal (pixels) and baseline (metres)")
    if maps.center and maps.focal is None:
        raise ConfigError(f"{where}: center needs focal, in pixels; give both or neither")
    if maps.reads_camera and not maps.camera:
        raise ConfigError(f"{where}: {maps.numbers[0]!r} stands in the camera's file; say where it lies, by camera")


def _templates(where: str, key: str, table: Mapping[str, Any], spec: Spec) -> tuple[Template, ...]:
    templates = tuple(Template.of(text, spec.fields) for text in strings(f"{where}: {key}", table[key]))
    for template in templates:
        check_keys(f"{where}: {key}: {template.text}", template.fields, spec.image_fields)
    return templates


def _number(where: str, value: object) -> Number:
    return value if isinstance(value, str) else _positive(where, value)


def _positive(where: str, value: object) -> float:
    if (number := _float(where, value)) <= 0:
        raise ConfigError(f"{where} is {quoted(value)}; give a number above 0")
    return number


def _float(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where} is no number, but {quoted(value)}; give one")
    return float(value)


def _holes(where: str, value: object) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one <= _LARGEST:
            raise ConfigError(f"{where}: {quoted(one)} is no stored value; give whole numbers from 0 to {_LARGEST}")
    return tuple(values)
