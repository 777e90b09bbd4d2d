"""Which of the arrays in what a model gives are the logits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from typing import Any

from reliseg.errors import ModelError, shape_text, shortlist
from reliseg.runtime.printable import printable

_NAMES = ("out", "logits")
"""The names that say by convention what is beside auxiliary outputs: of torchvision and of transformers."""
_MAX_DEPTH = 6
_MAX_PARTS = 100


@dataclass
class OutputReader:
    """Finds the logits in an output: an array alone, or the only one with a channel for each class.

    Arrays are of NumPy or torch. `ndim` is 4 for stacks of logits (N x C x h x w) and 3 for those of one image.
    `choice` is the option `output`, which says where they are if several arrays have so many channels.
    """

    classes: int
    ndim: int
    choice: str | int | None = None
    taken: str | None = None
    """The place that logits were taken from; None before the first output, and empty if they come alone."""

    def __call__(self, output: Any) -> Any:
        """Return the array of logits; a ModelError where there is none, or where it cannot be told from others."""
        path, array = self._find(output)
        if self.taken is not None and path != self.taken:
            raise ModelError(
                f"has its logits at {path or 'no name'}, and had them at {self.taken or 'no name'} before; "
                "say which with output: INDEX or NAME"
            )
        self.taken = path
        return array

    def _find(self, output: Any) -> tuple[str, Any]:
        arrays = dict(_arrays(output) if self.choice is None else self._chosen(output, str(self.choice)))
        if len(arrays) == 1:
            return next(iter(arrays.items()))
        fitting = {path: array for path, array in arrays.items() if self._has_channels(array)}
        different = {id(array): path for path, array in reversed(fitting.items())}  # one array may have two names
        named = _highest([path for path in arrays if path.rpartition(".")[2] in _NAMES and path in (fitting or arrays)])
        certain = next((paths for paths in (list(different.values()), named) if len(paths) == 1), None)
        if certain:
            return certain[0], arrays[certain[0]]
        if fitting:
            raise ModelError(
                f"gives {len(fitting)} arrays of {self.classes} channels, one for each class: {_listed(fitting)}; "
                f"say which holds the logits, for example output: {next(iter(fitting))}"
            )
        kind = f"a {type(output).__name__}"
        if not arrays:
            raise ModelError(f"gives {kind}{_contents(output)}, and no array or tensor of logits")
        raise ModelError(
            f"gives {kind} without an array of {self.classes} channels, one for each class; it holds {_listed(arrays)}"
        )

    def _chosen(self, output: Any, choice: str) -> Iterator[tuple[str, Any]]:
        """Return the arrays at the place that the option names, or below it."""
        place = _place(output, choice)
        if place is not None:
            arrays = dict(_arrays(place[1], place[0]))
            if arrays:
                return iter(arrays.items())
        if _is_array(output):
            raise ModelError(f"has no output {choice!r}: it gives an array alone; leave out output")
        held = _listed(dict(_arrays(output))) or f"a {type(output).__name__} without arrays"
        raise ModelError(f"has no output {choice!r}; it gives {held}")

    def _has_channels(self, array: Any) -> bool:
        shape = array_shape(array)
        return shape is not None and len(shape) == self.ndim and shape[-3] == self.classes and _is_float(array)


def array_shape(array: Any) -> tuple[int, ...] | None:
    """Return the shape; None for a nested tensor, which has none."""
    return None if getattr(array, "is_nested", False) else tuple(array.shape)


def array_shape_text(array: Any) -> str:
    """Return the shape of an array for a message, or that it is nested."""
    shape = array_shape(array)
    return "nested" if shape is None else shape_text(shape)


def _arrays(output: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the arrays in an output, and the way to each: `0.out`."""
    if _is_array(output):
        yield path, output
    elif depth < _MAX_DEPTH:
        for name, part in islice(_parts(output), _MAX_PARTS):
            yield from _arrays(part, f"{path}.{name}" if path else name, depth + 1)


def _place(output: Any, choice: str) -> tuple[str, Any] | None:
    """Return what stands in a container under a name, an index or a path of these, and its path by names."""
    if _is_array(output):
        return None
    parts = list(islice(_parts(output), _MAX_PARTS))
    for keys in ([name for name, _ in parts], [str(index) for index in range(len(parts))]):
        for key, (name, part) in zip(keys, parts, strict=True):
            if key == choice:
                return name, part
            below = _place(part, choice[len(key) + 1 :]) if choice.startswith(f"{key}.") else None
            if below:
                return f"{name}.{below[0]}", below[1]
    return None


def _parts(output: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a container holds, by name or index."""
    if isinstance(output, Mapping):
        yield from ((str(key), value) for key, value in output.items())
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        yield from zip(output._fields, output, strict=True)
    elif isinstance(output, list | tuple):
        yield from ((str(index), value) for index, value in enumerate(output))
    elif is_dataclass(output) and not isinstance(output, type):
        yield from ((f.name, getattr(output, f.name, None)) for f in fields(output))
    elif not isinstance(output, type) and not callable(output):
        own = dict(getattr(output, "__dict__", {}))
        if "logits" not in own and hasattr(output, "logits"):
            own["logits"] = output.logits
        yield from own.items()


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "ndim") and (hasattr(value, "numpy") or hasattr(value, "astype"))


def _is_float(array: Any) -> bool:
    kind = getattr(array.dtype, "kind", None)  # of NumPy; torch's types have names
    return kind == "f" if kind else str(array.dtype).removeprefix("torch.").startswith(("float", "bfloat"))


def _highest(paths: list[str]) -> list[str]:
    """Return the paths of least depth."""
    least = min((path.count(".") for path in paths), default=0)
    return [path for path in paths if path.count(".") == least]


def _listed(arrays: Mapping[str, Any]) -> str:
    """Return the places of arrays with their shapes: `0 (1 x 19 x 45 x 60), 1 (1 x 64 x 90 x 120)`."""
    return shortlist([f"{printable(path)} ({array_shape_text(array)})" for path, array in arrays.items()], 6)


def _contents(output: Any) -> str:
    names = [name for name, _ in islice(_parts(output), 6)]
    return printable(f" with {', '.join(names)}") if names else ""
