"""Files that are pickles: older ones of torch, whose memory comes after the tensors, and plain ones."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from reliseg.models.checkpoints.old_files import read_pickles
from reliseg.models.checkpoints.stand_ins import DamagedError


def old(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def read(data: bytes) -> Any:
    return read_pickles(io.BytesIO(data), len(data))[0]


def test_an_old_file_is_read_as_torch_reads_it(tmp_path: Path) -> None:
    shared = torch.arange(12.0)
    content = {
        "shared": shared,
        "part": shared[3:7],
        "turned": shared.view(3, 4).t(),
        "half": torch.ones(3, dtype=torch.float16),
        "yes": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "short": torch.ones(4).to(torch.float8_e4m3fn),
    }
    found = read(old(content))
    for name, tensor in content.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].float(), tensor.float())
    found["shared"][3] = 99
    assert found["part"][0] == found["turned"][3, 0] == 99


def test_a_part_of_memory_with_a_number_of_its_own_is_read() -> None:
    data = old({"a": torch.arange(6.0)})
    whole = b"cpuq\x06K\x06Ntq\x07Q"
    assert data.count(whole) == 1
    part = b"cpuq\x06K\x06(U\x011K\x02K\x04ttq\x07Q"
    changed = data.replace(whole, part).replace(b"K\x00K\x06\x85", b"K\x00K\x04\x85")
    assert read(changed)["a"].tolist() == [2, 3, 4, 5]
    with pytest.raises(DamagedError, match="shorter than it says"):
        read(changed.replace(b"U\x011K\x02", b"U\x011K\x03"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_tensors_that_pickle_wrote_are_read(protocol: int) -> None:
    state = {"a": torch.arange(3.0), "b": torch.nn.Parameter(torch.ones(2, 2))}
    found = read(pickle.dumps(state, protocol))
    assert torch.equal(found["a"], state["a"])
    assert torch.equal(found["b"], state["b"])


def test_memory_inside_memory_is_not_read() -> None:
    inner = old([])
    for _ in range(3):
        inner = pickle.dumps(_Bytes(inner), 2)
    with pytest.raises(DamagedError, match="memory that is"):
        read(inner)


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return torch.storage._load_from_bytes, (self.content,)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"K\x03Nt", b"M\xff\xffNt", "longer than the file"),
        (b"K\x03Nt", b"K\x02Nt", "beyond its memory"),
        (b"K\x03Nt", b"U\x013Nt", "longer than the file"),
        (b"K\x03Nt", b"NNt", "longer than the file"),
        (b"K\x03Nt", b"K\x03K\x01t", "a part of memory that is none"),
        (b"FloatStorage", b"OtherStorage", "without a type"),
        (b"M\xe9\x03.", b"M\xe8\x03.", "a version"),
        (b"\x80\x02]q\x00", b"\x80\x02}q\x00", "no list of its memory|what is no list"),
        (b"\x03\x00\x00\x00\x00\x00\x00\x00", b"\x02\x00\x00\x00\x00\x00\x00\x00", "another length"),
    ],
)
def test_what_does_not_belong_together_is_told(before: bytes, after: bytes, reason: str) -> None:
    data = old({"a": torch.arange(3.0)})
    assert before in data
    with pytest.raises(DamagedError, match=reason):
        read(data.replace(before, after))


def test_memory_that_is_cut_off_is_told() -> None:
    data = old({"a": torch.arange(3.0)})
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            read(data[:length])


def test_a_plain_pickle_has_no_memory() -> None:
    with pytest.raises(DamagedError, match="memory that is not in it"):
        read(b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x00NtQ.")


def test_the_class_of_an_old_network_stays_a_name() -> None:
    assert read(b"\x80\x02(U\x06modulecnet\nNet\nU\x06net.pyU\x04codetQ.").name == "net.Net"
