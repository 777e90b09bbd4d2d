"""Weights of a torch module from a file that may come from anywhere: nothing in it is executed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, one_line, shape_text, shortlist
from reliseg.models.checkpoints.reader import Checkpoint, read_checkpoint
from reliseg.models.checkpoints.stand_ins import LeftOut
from reliseg.models.checkpoints.state_dicts import State, mapping_places, mappings_in, own_names, states_at, states_in
from reliseg.models.checkpoints.tensor_kinds import kind_problem, layout_problem, type_text
from reliseg.models.outputs import array_shape, array_shape_text
from reliseg.runtime.printable import printable

_COUNTER = "num_batches_tracked"
_ALONE = "save its state dict alone: torch.save({}.state_dict(), path)"
_USUAL = re.compile(
    r"(addict|argparse|collections|copyreg|datetime|deepspeed|detectron2|easydict|enum|fvcore|hydra|iopath|lightning"
    r"|lightning_\w+|logging|mmcls|mmcv|mmdet|mmengine|mmpretrain|mmseg|ml_collections|numpy|omegaconf|pathlib"
    r"|pytorch_lightning|timm|torch|torchmetrics|transformers|typing|uuid|yacs)\.|builtins\.getattr$"
)
"""Packages whose objects training tools store beside weights: nobody misses them, so nothing is said of them.

Methods of such objects, as mmengine stores them, are a getattr; whatever else they are made of is said.
"""


@dataclass(frozen=True)
class LoadedWeights:
    """What was read of a file: where the weights lay in it, and the names of classes that stand beside them.

    `left_out` are the classes and functions that it names beside, which were not looked up.
    """

    place: str
    classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Return a line about what the file holds beside weights, if that is not what training tools store there."""
        names = _unusual(self.left_out)
        return [f"its checkpoint holds more than weights; left out and not run: {_names(names)}"] if names else []


@dataclass(frozen=True)
class _Own:
    """The network's tensors and their shapes, by their names in checkpoints; and the beginnings of unused names."""

    tensors: Mapping[str, Tensor]
    shapes: Mapping[str, torch.Size]
    unused: tuple[str, ...]


def load_weights(module: nn.Module, path: Path, key: str | None = None, unused: tuple[str, ...] = ()) -> LoadedWeights:
    """Load all parameters and buffers from a safetensors or torch file; a ModelError if one does not fit.

    The weights are the only state dict in the file that has the names of the module, or the one at `key`. What stands
    before all its names is removed. Tensors whose names begin with one of `unused` are not loaded.
    """
    checkpoint = read_checkpoint(path)
    content = checkpoint.content
    try:
        names = own_names(module.state_dict())
        tensors = {name: module.state_dict()[names[name]] for name in names}
        own = _Own(tensors, {name: tensor.shape for name, tensor in tensors.items()}, unused)
    except Exception as error:  # of layers that get their shapes from the first image
        raise ModelError(f"weights {path}: the network's own cannot be listed ({one_line(error)})") from error
    state = _completed(_choose(path, checkpoint, own, key), own)
    _check_fit(path, state, own.tensors, checkpoint.left_out)
    try:
        module.load_state_dict({names[name]: value for name, value in state.tensors.items()})
    except Exception as error:  # of torch, or of the module's own hooks
        raise ModelError(f"weights {path} do not fit: {one_line(error)}") from error
    return LoadedWeights(state.place, _class_names(content), checkpoint.left_out)


def _choose(path: Path, checkpoint: Checkpoint, own: _Own, key: str | None) -> State:
    """Return the state dict to load, which may still not fit; a ModelError where none or several could be meant."""
    content = checkpoint.content
    places = mapping_places(content) if isinstance(content, Mapping) else []
    if not places:
        raise ModelError(f"weights {path}: {_no_state_dict(checkpoint)}")
    states = states_in(content, own.shapes)
    if key is not None:
        states = [state for state in states if state.is_at(key)]
        if not states:
            known = dict.fromkeys([*(s.place for s in states_in(content, own.shapes)), *places])
            raise ModelError(f"weights {path}: nothing at key {key!r} fits; known: {_listed(list(known))}")
    whole = [_completed(state, own) for state in states]
    fitting = _different([state for state in whole if _shapes(state) == own.shapes])
    if len(fitting) > 1:
        raise ModelError(
            f"weights {path}: several state dicts fit: {_listed([s.place for s in fitting])}; "
            f"say which with key, for example key: {fitting[-1].place.rstrip('.') or repr('')}"
        )
    return (fitting or states or states_at(content, places[:1]))[0]


def _no_state_dict(checkpoint: Checkpoint) -> str:
    """Return what is said of a file without tensors: it may hold a whole network, or nothing but objects."""
    content = checkpoint.content
    parts: list[tuple[str, Any]] = [("", content)]
    if isinstance(content, Mapping):
        parts += [(str(key), part) for _, mapping in mappings_in(content) for key, part in mapping.items()]
    for key, part in parts:
        if isinstance(part, LeftOut) and (part.is_network or part is content):
            what = f"a whole network ({printable(part.name)})" if part.is_network else printable(part.name)
            at = f" at {printable(key)}" if key else ""
            whose = "model" if not part.is_network or not key else f"checkpoint[{printable(key)!r}]"
            return f"holds {what}{at}, which is code and not loaded; {_ALONE.format(whose)}"
    beside = f" (it holds {_names(list(checkpoint.left_out))})" if checkpoint.left_out else ""
    return f"not a checkpoint{beside}; a state dict is needed (name -> tensor), or a dict of such"


def _completed(state: State, own: _Own) -> State:
    """Return a state with what checkpoints leave out though the network has it, and without what it does not need.

    Counters of batches are younger than many checkpoints, and nothing is computed with them. Of two names of one
    tensor, safetensors keeps one.
    """
    here = own.tensors
    needed = {k: v for k, v in state.tensors.items() if k in here or not k.startswith(own.unused)}
    tensors = {k: v for k, v in needed.items() if k in here or not k.endswith(_COUNTER)}
    at = {tensor.data_ptr(): name for name, tensor in here.items() if name in tensors and not layout_problem(tensor)}
    for name, tensor in here.items():
        if name in tensors:
            continue
        if name.endswith(_COUNTER):
            tensors[name] = tensor
        elif not layout_problem(tensor) and tensor.numel() and tensor.data_ptr() in at:
            twin = at[tensor.data_ptr()]
            if here[twin].shape == tensor.shape and here[twin].stride() == tensor.stride():
                tensors[name] = tensors[twin]
    return replace(state, tensors=tensors)


def _different(states: list[State]) -> list[State]:
    """Return the states without those that hold the same numbers as one before."""
    different: list[State] = []
    for state in states:
        if not any(all(_are_equal(v, s.tensors[k]) for k, v in state.tensors.items()) for s in different):
            different.append(state)
    return different


def _are_equal(one: Tensor | LeftOut, other: Tensor | LeftOut) -> bool:
    if isinstance(one, LeftOut) or isinstance(other, LeftOut):
        return False
    return one.dtype == other.dtype and torch.equal(one, other)


def _shapes(state: State) -> dict[str, torch.Size | None]:
    return {name: tensor.shape if isinstance(tensor, Tensor) else None for name, tensor in state.tensors.items()}


def _check_fit(path: Path, state: State, own: Mapping[str, Tensor], left_out: Sequence[str]) -> None:
    """Raise a ModelError that says which names, shapes or types are not those of the network."""
    at = f" at {printable(state.place)}" if state.place else ""
    shapes = {name: shape for name, shape in _shapes(state).items() if name in own and shape is not None}
    wrong = [name for name, shape in shapes.items() if shape != array_shape(own[name])]
    if wrong:
        here, there = shape_text(shapes[wrong[0]]), array_shape_text(own[wrong[0]])
        raise ModelError(f"weights {path}{at} do not fit: {_names(wrong)}: shape {here}, the network's {there}")
    parts = [("missing", [k for k in own if k not in state.tensors])]
    parts.append(("unexpected", [k for k in state.tensors if k not in own]))
    problems = [f"{kind} {_names(keys)}" for kind, keys in parts if keys]
    if problems:
        unusual = _unusual(left_out)
        problems += [f"left out and not run: {_names(unusual)}"] if unusual else []
        raise ModelError(f"weights {path}{at} do not fit the network: {'; '.join(problems)}")
    for name, tensor in state.tensors.items():
        problem = _kind_problem(tensor, own[name])
        if problem:
            raise ModelError(
                f"weights {path}{at}: {printable(name)} is {problem}, and the network's is a plain one of "
                f"{type_text(own[name].dtype)}; save the weights as such"
            )
    pair = _torn_apart(state, own)
    if pair:
        one, other = map(printable, pair)
        raise ModelError(
            f"weights {path}{at} do not fit: {one} and {other} are one tensor in the network, and two in the file; "
            "build the network as it was trained, with a layer for each"
        )


def _torn_apart(state: State, own: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """Return two names of one tensor of the network under which a file has different numbers, or None."""
    first: dict[tuple[Any, ...], str] = {}
    for name, tensor in own.items():
        if layout_problem(tensor) or not tensor.numel():
            continue
        twin = first.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), name)
        if twin != name and not _are_equal(state.tensors[twin], state.tensors[name]):
            return twin, name
    return None


def _kind_problem(tensor: Tensor | LeftOut, own: Tensor) -> str | None:
    """Return what kind of tensor a file has, if the network's is of another one."""
    if isinstance(tensor, LeftOut):
        return tensor.kind
    return layout_problem(tensor) or (kind_problem(tensor) if own.is_floating_point() else None)


def _unusual(left_out: Sequence[str]) -> list[str]:
    return [name for name in left_out if not _USUAL.match(name)]


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
