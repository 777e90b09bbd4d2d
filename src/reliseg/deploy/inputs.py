"""What a caller gives as images -> decoded samples, as a run decodes them."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image as Pillow

from reliseg.data import DataSet, DecodedSample, Sample, load
from reliseg.errors import ConfigError, shape_text
from reliseg.types import Image

Source: TypeAlias = Any
"""One image: a path, an 8-bit RGB array (height x width x 3), a PIL image, or a tensor (3 x height x width)."""
SCENE = "images"
_MODES = ("RGB", "RGBA", "L", "LA", "P", "PA")
"""Of PIL images: what a file of that kind is read as."""
_WANTED = "give 8-bit RGB, height x width x 3, as the model normalises images itself"


@dataclass(frozen=True, eq=False)
class Images:
    """Images one after the other, and how many were given: one, several, or nobody knows how many."""

    sources: Iterable[Source]
    are_one: bool = False
    are_endless: bool = False

    @classmethod
    def of(cls, given: object) -> "Images":
        """Tell what was given; a ConfigError where it is no image and no collection of images."""
        if isinstance(given, str | Path | Pillow.Image):
            return cls([given], are_one=True)
        if isinstance(given, np.ndarray) or _is_tensor(given):
            stack: Any = given
            if stack.ndim == 4:
                return cls(list(stack))
            return cls([given], are_one=True)
        if isinstance(given, list | tuple):
            return cls(given)
        if isinstance(given, Iterable):
            return cls(given, are_endless=True)
        raise ConfigError(
            f"a {type(given).__name__} is no image; give a path, an array of height x width x 3, a PIL image, a "
            "tensor, or several of these"
        )

    def numbered(self) -> Iterator[tuple[int, Source]]:
        """Yield the images with their numbers, from 1."""
        return enumerate(self.sources, 1)


def read_image(dataset: DataSet, number: int, source: Source) -> tuple[str, DecodedSample]:
    """Return the name and the pixels of an image; a ConfigError or a SampleError says why it is none."""
    if isinstance(source, str | Path):
        path = Path(source).expanduser().absolute()
        sample = Sample(f"{SCENE}/{number}", SCENE, path.name, None)
        return str(source), load(replace(dataset, root=path.parent), sample)
    pixels = _pixels(f"image {number}", source)
    sample = Sample(f"{SCENE}/{number}", SCENE, "", None)
    return str(number), DecodedSample(sample, (pixels.shape[0], pixels.shape[1]), pixels, None, "", "")


def _pixels(name: str, source: Source) -> Image:
    """Return an image in memory as an array of its own."""
    if isinstance(source, Pillow.Image):
        if source.mode not in _MODES:
            raise ConfigError(f"{name} is a PIL image of mode {source.mode}; convert it to RGB")
        return np.array(source.convert("RGB"))
    if _is_tensor(source):
        tensor = source.detach().cpu()
        if tensor.ndim == 3 and tensor.shape[0] != 3 and tensor.shape[2] == 3:
            raise ConfigError(f"{name} is a tensor of {shape_text(tensor.shape)}; give 3 x height x width")
        array = tensor.numpy() if tensor.ndim != 3 else tensor.permute(1, 2, 0).numpy()
    elif isinstance(source, np.ndarray):
        array = source
    else:
        raise ConfigError(f"{name} is a {type(source).__name__}; {_WANTED}")
    if problem := array_problem(array):
        raise ConfigError(f"{name} {problem}")
    return np.array(array, order="C")


def array_problem(array: np.ndarray) -> str | None:
    """Return why an array is no image, as the end of a line, or None."""
    shape = shape_text(array.shape)
    if array.dtype != np.uint8:
        bits = "16-bit numbers" if array.dtype == np.uint16 else f"{array.dtype} numbers"
        return f"holds {bits}, of {shape}; {_WANTED}"
    if array.ndim == 2:
        return f"is grey, of {shape}; give it three channels, or convert it to RGB"
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        return f"has its channels first, {shape}; give height x width x 3, or a tensor"
    if array.ndim != 3 or array.shape[2] != 3:
        return f"is an array of {shape}; {_WANTED}"
    return "has no pixels" if array.size == 0 else None


def _is_tensor(given: object) -> bool:
    torch = sys.modules.get("torch")  # whoever has a tensor has imported torch
    return torch is not None and isinstance(given, torch.Tensor)
