"""Tensors by their names in files: plain ones are made within their memory, others are marked with their kind."""

import importlib.util
import io
import pickle
from typing import Any

import pytest
import torch
from helpers.growing import growing

from reliseg.models.checkpoints.pickle_machine import PickleMachine
from reliseg.models.checkpoints.stand_ins import Allowance, DamagedError, LeftOut, Named
from reliseg.models.checkpoints.tensor_names import Storage, stored_type, tensor_names, view

REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def load(data: bytes) -> Any:
    """Read a pickle whose persistent objects are the memory of six numbers."""
    storage = Storage(torch.arange(6.0), 6)
    return PickleMachine(io.BytesIO(data), len(data), tensor_names(Allowance(len(data))), lambda what: storage).load()


def tensor(offset: Any, size: Any, stride: Any, *rest: Any, name: bytes = REBUILD) -> Any:
    arguments = pickle.dumps((offset, size, stride, False, (), *rest), 2)[2:-1]
    parts = b"".join(pickle.dumps(part, 2)[2:-1] for part in (offset, size, stride, False, (), *rest))
    assert arguments
    return load(name + b"(NQ" + parts + b"tR.")


def test_a_tensor_lies_in_its_memory() -> None:
    assert tensor(1, (2, 2), (1, 2)).tolist() == [[1, 3], [2, 4]]
    assert tensor(5, (10**12,), (0,)).shape == (10**12,)
    assert tensor(9, (0, 3), (3, 1)).shape == (0, 3)
    assert tensor(2, (), ()) == 2
    assert load(b"ctorch._utils\n_rebuild_tensor\n(NQK\x00K\x06\x85K\x01\x85tR.").tolist() == [0, 1, 2, 3, 4, 5]


def test_other_threads_may_import_parts_of_torch_meanwhile() -> None:
    spec = importlib.util.find_spec(tensor_names.__module__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with growing(vars(torch)):
        for _ in range(3):
            spec.loader.exec_module(module)
    assert module.stored_type is not stored_type
    assert module.STORAGES["torch.FloatStorage"] == torch.float32


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2,), (6,)),
        (6, (), ()),
        (-1, (2,), (1,)),
        (5, (3,), (-1,)),
        (0, (-1,), (1,)),
        (0, (2,), (1, 1)),
        (2**63, (1,), (1,)),
        (0, (2,), (2**62,)),
        (0, (2**40, 2**40), (0, 0)),
        (0, (1,) * 65, (1,) * 65),
        (0, [2], [1]),
        (0, 2, 1),
        (None, (2,), (1,)),
        (0.5, (2,), (1,)),
        (True, (2,), (1,)),
        (0, ("2",), (1,)),
    ],
)
def test_a_tensor_beyond_its_memory_or_without_a_shape_is_damaged(offset: Any, size: Any, stride: Any) -> None:
    with pytest.raises(DamagedError, match=r"beyond its memory|without a shape"):
        tensor(offset, size, stride)


def test_a_tensor_without_memory_is_damaged() -> None:
    with pytest.raises(DamagedError, match="without memory"):
        load(REBUILD + b"(K\x00K\x00))\x89NtR.")
    with pytest.raises(DamagedError, match="without memory or type"):
        load(b"ctorch._utils\n_rebuild_tensor_v3\n(NQK\x00))\x89Ncos\nsystem\ntR.")
    with pytest.raises(DamagedError, match="memory that is no file"):
        load(b"ctorch.storage\n_load_from_bytes\nC\x01a\x85R.")
    with pytest.raises(DamagedError, match="a size of no sides"):
        load(b"ctorch\nSize\nK\x01\x85R.")


def test_a_tensor_whose_numbers_are_to_be_changed_is_marked() -> None:
    found = tensor(0, (2,), (1,), {"conj": True})
    assert isinstance(found, LeftOut)
    assert "conjugated" in found.kind


@pytest.mark.parametrize("name", ["_rebuild_sparse_tensor", "_rebuild_nested_tensor", "_rebuild_qtensor"])
def test_other_kinds_are_marked(name: str) -> None:
    found = load(f"ctorch._utils\n{name}\n(K\x01tR.".encode("latin-1"))
    assert isinstance(found, LeftOut)
    assert found.kind.endswith("tensor")


def test_a_class_of_its_own_is_the_tensor_below() -> None:
    inner = REBUILD + b"cevil\nTensor\n(NQK\x00K\x02\x85K\x01\x85\x89)t}"
    assert load(b"ctorch._tensor\n_rebuild_from_type_v2\n(" + inner + b"tR.").tolist() == [0, 1]
    for other in (b"cos\nsystem\n", b"ctorch._tensor\n_rebuild_from_type_v2\n", b"K\x01"):
        found = load(b"ctorch._tensor\n_rebuild_from_type_v2\n(" + other + b"cevil\nTensor\n)}tR.")
        assert isinstance(found, LeftOut)
        assert found.name == "evil.Tensor"


def test_a_parameter_is_its_tensor_and_a_size_a_tuple() -> None:
    assert load(b"ctorch._utils\n_rebuild_parameter\nK\x07\x88)\x87R.") == 7
    assert load(b"ctorch\nSize\nK\x02K\x03\x86\x85R.") == (2, 3)


def test_memory_has_a_type_and_a_length() -> None:
    assert stored_type(Named("torch.HalfStorage")) == torch.float16
    assert stored_type(Named("torch.cuda.FloatStorage")) == torch.float32
    with pytest.raises(DamagedError):
        stored_type(Named("os.system"))
    memory = torch.zeros(8, dtype=torch.uint8)
    assert view(memory, torch.float32, 2).numbers.tolist() == [0, 0]
    for count in (3, -1, 1.0, None, 2**70):
        with pytest.raises(DamagedError):
            view(memory, torch.float32, count)
