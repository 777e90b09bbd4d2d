"""What a user asks of an exported file, and the errors that say why it cannot be."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from reliseg.errors import ConfigError, MissingExtraError, ModelError

Format: TypeAlias = Literal["onnx", "pt2"]
Size: TypeAlias = tuple[int, int]
"""Height and width."""
PACKAGES = {"onnx": ("torch", "onnx", "onnxscript", "onnxruntime"), "pt2": ("torch",)}
HEAD_ONLY = "export what follows its logits, with --head-only"


@dataclass(frozen=True)
class Wishes:
    """What the file is to be."""

    format: Format = "onnx"
    size: Size | None = None
    """Of the images; None: that of the first frame."""
    dynamic: bool = False
    """Whether it takes images of any size, any number of them at a time."""
    head_only: bool = False
    """Whether it begins with logits."""

    def __post_init__(self) -> None:
        if self.format not in PACKAGES:
            raise ConfigError(f"no file is of format {self.format!r}; write onnx or pt2")
        if self.dynamic and self.size is not None:
            raise ConfigError("--size says one size of images, and --dynamic any; give one of them")

    def check_packages(self) -> None:
        """Raise a MissingExtraError that names the first package that is not there."""
        for package in PACKAGES[self.format]:
            if find_spec(package) is None:
                raise MissingExtraError(package, "export", f"a file of format {self.format}")


def check_place(out: Path, form: Format) -> None:
    """Raise a ConfigError if no file can be written there; none is written over."""
    if out.exists():
        raise ConfigError(f"{out} exists; remove it, or give another --out")
    if out.suffix.lower() != f".{form}":
        raise ConfigError(f"--out {out}: a file of format {form} ends in .{form}; name it so, or say --format")
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise ConfigError(f"--out {out}: {folder} is a file; give another place")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--out {out}: nothing may be written in {folder}; give another place")


def parse_size(text: str | None) -> Size | None:
    """Return the height and width that a user has written as `H,W`; a ConfigError where it is something else."""
    if text is None:
        return None
    sides = [side.strip() for side in text.split(",")]
    if len(sides) != 2 or not all(side.isascii() and side.isdecimal() and 0 < int(side) <= 65535 for side in sides):
        raise ConfigError(f"--size is {text!r}; write the height and the width in pixels, for example 512,1024")
    return int(sides[0]), int(sides[1])


def not_whole(model: str, why: str) -> ModelError:
    """Return the error about a model that cannot be exported as a whole; `why` follows its name."""
    return ModelError(f"model {model} {why}, which cannot be exported; {HEAD_ONLY}")
