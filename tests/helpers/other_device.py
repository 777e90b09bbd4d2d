"""A device named `other` for torch, for machines without a GPU: it computes as the CPU does, and is not the CPU.

Its tensors may not meet those of the CPU, but for copies and single numbers: what would fail on a GPU fails here.
It belongs to a whole process. Tests in `on_another_device.py` use it.
"""

from collections import Counter
from functools import partial

import torch
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "other"
COPIES = ("aten::_copy_from", "aten::copy_", "aten::_to_copy")
operations = Counter()
"""The operations that were computed on the device, and how often."""


class DeviceTensor(torch.Tensor):
    """A tensor on the device, around one of the CPU."""

    @staticmethod
    def __new__(cls, inner):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        tensor = torch.Tensor._make_wrapper_subclass(cls, inner.shape, device=f"{NAME}:0", **layout)
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return compute(operation, *args, **(kwargs or {}))


def compute(operation, *args, **kwargs):
    """Return the operation's result, on the device if an argument lies there or it is asked for."""
    name = operation._schema.name
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    strangers = [t for t in tensors if not isinstance(t, DeviceTensor) and t.dim() > 0]
    if strangers and name not in COPIES:
        raise RuntimeError(f"{name}: expected all tensors on {NAME}, and one is on {strangers[0].device}")
    operations[name] += 1
    places = [leaf.type for leaf in leaves if isinstance(leaf, torch.device)]
    stays = places[-1] == NAME if places else any(isinstance(t, DeviceTensor) for t in tensors)
    arguments, named = tree_map(_inside, (args, kwargs))
    if name == "aten::_copy_from":
        arguments[1].copy_(arguments[0])
        return args[1]
    outside = {id(t.inner): t for t in tensors if isinstance(t, DeviceTensor)}
    return tree_map(lambda result: _outside(result, outside, stays), operation(*arguments, **named))


def _inside(value):
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.inner if isinstance(value, DeviceTensor) else value


def _outside(value, known, stays):
    """Return the argument that was changed in place, or a new tensor."""
    if not isinstance(value, torch.Tensor) or not stays:
        return value
    return known[id(value)] if id(value) in known else DeviceTensor(value)


_setup_privateuseone_for_python_backend(NAME)
EVERY, FACTORIES = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
EVERY.fallback(compute, "PrivateUse1")
for operation in (
    torch.ops.aten.empty_strided.default,
    torch.ops.aten._copy_from.default,
    torch.ops.aten._to_copy.default,
):
    FACTORIES.impl(operation, partial(compute, operation), "PrivateUse1")  # torch.tensor of a list reaches no fallback
