"""Label spaces: the classes that a model predicts or a data set annotates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reliseg.errors import ConfigError, shortlist, suggestion
from reliseg.registry import shipped_files
from reliseg.runtime.toml_files import read_toml

VOID = 255
"""The id of pixels that no number counts."""
UNKNOWN = 254
"""The id of pixels of objects that the model's classes do not cover: counted by local OOD only."""

_KEYS = ("classes", "palette", "absent")


@dataclass(frozen=True)
class LabelSpace:
    """Named classes with ids 0, 1, ..; `absent` ones never occur in annotations: predicting one is wrong."""

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    absent: frozenset[int] = frozenset()
    has_own_palette: bool = field(default=True, compare=False, repr=False)
    """False if nobody wrote the colors: they are good for pictures, and say nothing about masks."""

    def __repr__(self) -> str:
        """Return the classes on one line: there may be hundreds."""
        return f"LabelSpace({self.summary()}: {shortlist(self.classes, 12)})"

    def summary(self) -> str:
        """Return how many classes it has and its name: `11 classes of camvid`."""
        return f"{len(self.classes)} classes of {self.name}"

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) < UNKNOWN:
            raise ConfigError(f"label space {self.name}: give 2 to {UNKNOWN - 1} classes, not {len(self.classes)}")
        for name in self.classes:
            if not name.strip() or not name.isprintable():
                raise ConfigError(
                    f"label space {self.name}: {name!r} is no name of a class; write one of characters that can be seen"
                )
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"label space {self.name}: class names must differ")
        if len(self.palette) != len(self.classes):
            raise ConfigError(
                f"label space {self.name}: {len(self.palette)} colors for {len(self)} classes; give one for each class"
            )
        if not all(0 <= c < len(self.classes) for c in self.absent):
            raise ConfigError(f"label space {self.name}: absent ids must be ids of its classes")
        if not self.present:
            raise ConfigError(f"label space {self.name}: all classes are absent; leave those that occur out of absent")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def present(self) -> tuple[int, ...]:
        """The ids of the classes that occur: means over classes are over these."""
        return tuple(c for c in range(len(self)) if c not in self.absent)


def label_space_names() -> list[str]:
    """Return the names of the label spaces that ship with reliseg."""
    return list(shipped_files("reliseg.labels", "spaces/*.toml"))


def label_space(name: str) -> LabelSpace:
    """Read the label space called `name`, or a user's TOML file of that path, as it is now.

    The file has `classes` (names, in the order of ids), and optionally `palette` ([r, g, b] each) and
    `absent` (class names).
    """
    shipped = shipped_files("reliseg.labels", "spaces/*.toml").get(name)
    return _shipped_space(shipped) if shipped else _read_space(name, Path(name))


def space_of_classes(name: str, classes: Sequence[str]) -> LabelSpace:
    """Return the label space of this name that ships, if its classes are these; else one with colors of no meaning."""
    shipped = shipped_files("reliseg.labels", "spaces/*.toml").get(name)
    if shipped and (known := _shipped_space(shipped)).classes == tuple(classes):
        return known
    palette = tuple(_color(i) for i in range(len(classes)))
    return LabelSpace(name, tuple(classes), palette, has_own_palette=False)


@cache
def _shipped_space(path: Path) -> LabelSpace:
    return _read_space(path.stem, path)


def _read_space(name: str, path: Path) -> LabelSpace:
    if path.suffix != ".toml":
        raise ConfigError(f"unknown label space {name!r}; {suggestion(name, label_space_names())}, or a .toml file")
    table = read_toml(path, "label space file")
    try:
        return _parse(path.stem, table)
    except ConfigError as error:
        raise ConfigError(f"label space file {path}: {error}") from error


def _parse(name: str, table: Mapping[str, Any]) -> LabelSpace:
    for key in table:
        if key not in _KEYS:
            raise ConfigError(f"unknown key {key!r}; {suggestion(key, _KEYS)}")
    classes: Any = table.get("classes")
    absent: Any = table.get("absent", [])
    for key, value in (("classes", classes), ("absent", absent)):
        if not isinstance(value, list) or not all(isinstance(c, str) for c in value):
            raise ConfigError(f'it needs {key} = ["name", ..]')
    for c in absent:
        if c not in classes:
            raise ConfigError(f"unknown absent class {c!r}; {suggestion(c, classes)}")
    palette = table.get("palette", [_color(i) for i in range(len(classes))])
    if not isinstance(palette, list) or not all(_is_color(color) for color in palette):
        raise ConfigError("palette holds one [r, g, b] per class, each from 0 to 255")
    return LabelSpace(
        name=name,
        classes=tuple(classes),
        palette=tuple((r, g, b) for r, g, b in palette),
        absent=frozenset(classes.index(c) for c in absent),
        has_own_palette="palette" in table,
    )


def _is_color(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(channel, int) and 0 <= channel <= 255 for channel in value)
    )


def _color(i: int) -> tuple[int, int, int]:
    """Return a color for class i: the bits of i + 1 spread over the high bits of the channels (as in PASCAL VOC)."""
    channels = [0, 0, 0]
    value = i + 1
    for bit in range(7, -1, -1):
        for k in range(3):
            channels[k] |= (value >> k & 1) << bit
        value >>= 3
    return channels[0], channels[1], channels[2]
