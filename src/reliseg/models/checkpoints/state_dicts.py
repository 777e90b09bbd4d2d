"""The state dicts in a checkpoint, and which of them has the names of a module."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reliseg.models.checkpoints.stand_ins import LeftOut

_COMPILED = "_orig_mod."
"""What `torch.compile` puts into names, at any depth."""
_PARALLEL = "module."
_MAX_DEPTH = 4
_MAX_MAPPINGS = 200
_MAX_PREFIXES = 64


@dataclass(frozen=True)
class State:
    """The tensors of a checkpoint whose names begin with `prefix`, in the mapping at `where`; named without it."""

    where: str
    prefix: str
    tensors: Mapping[str, Tensor | LeftOut]
    """A tensor that is no plain one is a mark, which says its kind."""

    @property
    def place(self) -> str:
        """The text that names it: `state_dict`, `state_dict.model.`, or `` for the whole file."""
        return ".".join(part for part in (self.where, self.prefix) if part)

    def is_at(self, key: str) -> bool:
        """Tell if the key of a configuration names this place, or one that it lies in."""
        place, wanted = self.place.rstrip("."), key.rstrip(".")
        return wanted in (place, self.prefix.rstrip(".")) or (wanted != "" and place.startswith(f"{wanted}."))


def own_names(names: Iterable[str]) -> dict[str, str]:
    """Return the names in a module's state dict, by what they are called in checkpoints."""
    names = list(names)
    shared = _PARALLEL if names and all(name.startswith(_PARALLEL) for name in names) else ""
    return {_canonical(name).removeprefix(shared): name for name in names}


def states_in(content: Mapping[Any, Any], own: Iterable[str]) -> list[State]:
    """Return all state dicts in a checkpoint that share a name with the module, those with most names first.

    A mapping holds several if its names begin with several prefixes, such as `student.` and `teacher.`.
    """
    known = set(own)
    found = [state for where, mapping in mappings_in(content) for state in _states_of(where, mapping, known)]
    return sorted(found, key=lambda state: -len(known & set(state.tensors)))


def mapping_places(content: Mapping[Any, Any]) -> list[str]:
    """Return where a checkpoint holds mappings with tensors: `` for itself, `ema`, `ema.state_dict`."""
    return [where for where, mapping in mappings_in(content) if any(_is_tensor(k, v) for k, v in mapping.items())]


def states_at(content: Mapping[Any, Any], places: Collection[str]) -> list[State]:
    """Return the tensors of the mappings at these places, under their own names."""
    return [State(where, "", _tensors(mapping)) for where, mapping in mappings_in(content) if where in places]


def mappings_in(content: Mapping[Any, Any]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield the mappings in a checkpoint, itself first, each once: one that came from anywhere may hold itself."""
    waiting: list[tuple[str, Mapping[Any, Any], int]] = [("", content, 0)]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_MAPPINGS:
        where, mapping, depth = waiting.pop(0)
        if id(mapping) in seen:
            continue
        seen.add(id(mapping))
        yield where, mapping
        if depth < _MAX_DEPTH:
            waiting += [
                (f"{where}.{key}" if where else str(key), value, depth + 1)
                for key, value in mapping.items()
                if isinstance(key, str) and isinstance(value, Mapping)
            ]


def _states_of(where: str, mapping: Mapping[Any, Any], known: set[str]) -> Iterator[State]:
    tensors = _tensors(mapping)
    canonical = {_canonical(name): name for name in tensors}
    if len(canonical) < len(tensors):  # the same name with and without what a compiler adds: neither is certain
        canonical = {name: name for name in tensors}
    for prefix in _prefixes(canonical, known):
        part = {name.removeprefix(prefix): tensors[own] for name, own in canonical.items() if name.startswith(prefix)}
        yield State(where, prefix, part)


def _prefixes(names: Mapping[str, Any], known: set[str]) -> list[str]:
    """Return what stands before names of the module, each once: by the names that end as the first ones of it do."""
    prefixes: dict[str, None] = {}
    for own in sorted(known, key=len, reverse=True)[:3]:
        prefixes |= {name[: -len(own)]: None for name in names if name == own or name.endswith(f".{own}")}
    return list(prefixes)[:_MAX_PREFIXES]


def _tensors(mapping: Mapping[Any, Any]) -> dict[str, Tensor | LeftOut]:
    return {
        key: _of_array(value) if isinstance(value, np.ndarray) else value
        for key, value in mapping.items()
        if _is_tensor(key, value)
    }


def _is_tensor(key: Any, value: Any) -> bool:
    if not isinstance(key, str):
        return False
    return isinstance(value, Tensor | np.ndarray) or (isinstance(value, LeftOut) and value.kind != "")


def _of_array(array: "np.ndarray[Any, Any]") -> Tensor:
    """Return an array's numbers as a tensor, which needs them in the machine's order and may write to them."""
    plain = array if array.dtype.isnative and array.flags.writeable else np.array(array, array.dtype.newbyteorder("="))
    return torch.from_numpy(plain)


def _canonical(name: str) -> str:
    return name.replace(_COMPILED, "")
