"""Weights of a torch module from a file that may come from anywhere: nothing in it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.models.outputs import array_shape, array_shape_text
from reliseg.models.torch.state_dicts import State, mapping_places, own_names, states_at, states_in
from reliseg.models.torch.tensor_kinds import kind_problem, layout_problem, type_text
from reliseg.models.torch.weight_files import read_weights
from reliseg.runtime.printable import printable

_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class LoadedWeights:
    """What was read of a file: where the weights lay in it, and the names of classes that stand beside them."""

    place: str
    classes: tuple[str, ...] = ()


def load_weights(module: nn.Module, path: Path, key: str | None = None) -> LoadedWeights:
    """Load all parameters and buffers from a safetensors or torch file; a ModelError if one does not fit.

    The weights are the only state dict in the file that has the names of the module, or the one at `key`. What stands
    before all its names is removed.
    """
    content = read_weights(path)
    try:
        names = own_names(module.state_dict())
        own = {name: module.state_dict()[names[name]] for name in names}
        shapes = {name: tensor.shape for name, tensor in own.items()}
    except Exception as error:  # of layers that get their shapes from the first image
        raise ModelError(f"weights {path}: the network's own cannot be listed ({one_line(error)})") from error
    state = _completed(_choose(path, content, own, shapes, key), own)
    _check_fit(path, state, own)
    try:
        module.load_state_dict({names[name]: value for name, value in state.tensors.items()})
    except Exception as error:  # of torch, or of the module's own hooks
        raise ModelError(f"weights {path} do not fit: {one_line(error)}") from error
    return LoadedWeights(state.place, _class_names(content))


def _choose(
    path: Path, content: Any, own: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], key: str | None
) -> State:
    """Return the state dict to load, which may still not fit; a ModelError where none or several could be meant."""
    places = mapping_places(content) if isinstance(content, Mapping) else []
    if not places:
        raise ModelError(
            f"weights {path}: not a checkpoint; a state dict is needed (name -> tensor), or a dict of such"
        )
    states = states_in(content, shapes)
    if key is not None:
        states = [state for state in states if state.is_at(key)]
        if not states:
            known = dict.fromkeys([*(s.place for s in states_in(content, shapes)), *places])
            raise ModelError(f"weights {path}: nothing at key {key!r} fits; known: {_listed(list(known))}")
    whole = [_completed(state, own) for state in states]
    fitting = _different([s for s in whole if {k: array_shape(v) for k, v in s.tensors.items()} == shapes])
    if len(fitting) > 1:
        raise ModelError(
            f"weights {path}: several state dicts fit: {_listed([s.place for s in fitting])}; "
            f"say which with key, for example key: {fitting[-1].place.rstrip('.') or repr('')}"
        )
    return (fitting or states or states_at(content, places[:1]))[0]


def _completed(state: State, own: Mapping[str, Tensor]) -> State:
    """Return a state with what checkpoints leave out though the network has it, and without what it does not need.

    Counters of batches are younger than many checkpoints, and nothing is computed with them. Of two names of one
    tensor, safetensors keeps one.
    """
    tensors = {k: v for k, v in state.tensors.items() if k in own or not k.endswith(_COUNTER)}
    at = {tensor.data_ptr(): name for name, tensor in own.items() if name in tensors and not layout_problem(tensor)}
    for name, tensor in own.items():
        if name in tensors:
            continue
        if name.endswith(_COUNTER):
            tensors[name] = tensor
        elif not layout_problem(tensor) and tensor.numel() and tensor.data_ptr() in at:
            twin = at[tensor.data_ptr()]
            if own[twin].shape == tensor.shape and own[twin].stride() == tensor.stride():
                tensors[name] = tensors[twin]
    return replace(state, tensors=tensors)


def _different(states: list[State]) -> list[State]:
    """Return the states without those that hold the same numbers as one before."""
    different: list[State] = []
    for state in states:
        if not any(all(_are_equal(v, s.tensors[k]) for k, v in state.tensors.items()) for s in different):
            different.append(state)
    return different


def _are_equal(one: Tensor, other: Tensor) -> bool:
    """Tell if two tensors hold the same numbers; those of unusual kinds are not looked into."""
    if layout_problem(one) or layout_problem(other):
        return one is other
    return one.dtype == other.dtype and torch.equal(one, other)


def _check_fit(path: Path, state: State, own: Mapping[str, Tensor]) -> None:
    """Raise a ModelError that says which names, shapes or types are not those of the network."""
    at = f" at {printable(state.place)}" if state.place else ""
    wrong = [k for k in state.tensors if k in own and array_shape(state.tensors[k]) != array_shape(own[k])]
    if wrong:
        here, there = (array_shape_text(tensors[wrong[0]]) for tensors in (state.tensors, own))
        raise ModelError(f"weights {path}{at} do not fit: {_names(wrong)}: shape {here}, the network's {there}")
    parts = [("missing", [k for k in own if k not in state.tensors])]
    parts.append(("unexpected", [k for k in state.tensors if k not in own]))
    problems = [f"{kind} {_names(keys)}" for kind, keys in parts if keys]
    if problems:
        raise ModelError(f"weights {path}{at} do not fit the network: {'; '.join(problems)}")
    for name, tensor in state.tensors.items():
        problem = layout_problem(tensor) or (kind_problem(tensor) if own[name].is_floating_point() else None)
        if problem:
            raise ModelError(
                f"weights {path}{at}: {printable(name)} is {problem}, and the network's is a plain one of "
                f"{type_text(own[name].dtype)}; save the weights as such"
            )


def _names(names: list[str]) -> str:
    return printable(shortlist(names))


def _listed(places: list[str]) -> str:
    return shortlist([printable(place) or "the file itself" for place in places], 8)


def _class_names(content: Any) -> tuple[str, ...]:
    """Return the names of classes that training tools store beside weights, or none."""
    for way in ((), ("meta",), ("meta", "dataset_meta"), ("dataset_meta",)):
        part = content
        for key in way:
            part = part.get(key) if isinstance(part, Mapping) else None
        for key in ("CLASSES", "classes", "class_names"):
            names = part.get(key) if isinstance(part, Mapping) else None
            if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
                return tuple(names)
    return ()
