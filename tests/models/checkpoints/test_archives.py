"""Archives of torch: what passes, whose memory is read, and in which order its bytes stand."""

import io
import pickle
import sys
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch

from reliseg.errors import ModelError
from reliseg.models.checkpoints.archives import check_archive, read_archive
from reliseg.models.checkpoints.stand_ins import DamagedError


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def changed(path: Path, parts: dict[str, bytes | None], compression: int = 0) -> Path:
    """Write an archive again, with other parts; None leaves one out."""
    with ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name: data for name, data in parts.items() if data is not None}
    with ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            if name not in parts or parts[name] is not None:
                archive.writestr(name, data)
    return path


def test_an_archive_that_is_whole_passes(tmp_path: Path) -> None:
    check_archive(save(tmp_path / "w.pth", {"a": torch.zeros(3)}))


def test_an_archive_is_read_as_torch_reads_it(tmp_path: Path) -> None:
    shared = torch.arange(12.0)
    content = {
        "shared": shared,
        "part": shared[3:7],
        "turned": shared.view(3, 4).t(),
        "wide": torch.ones(1).expand(4, 3),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "whole": torch.arange(5),
        "yes": torch.tensor([True, False]),
        "complex": torch.tensor([1 + 2j]),
        "short": torch.ones(4).to(torch.float8_e4m3fn),
        "empty": torch.zeros(0, 3),
        "number": torch.tensor(3.0),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    found, left_out = read_archive(save(tmp_path / "w.pth", content))
    assert not left_out
    for name, tensor in content.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(found[name].to(torch.complex64), tensor.to(torch.complex64))
    found["shared"][3] = 99
    assert found["part"][0] == found["turned"][3, 0] == 99


def test_a_packed_archive_is_read(tmp_path: Path) -> None:
    path = changed(save(tmp_path / "w.pth", {"a": torch.arange(3.0)}), {}, ZIP_DEFLATED)
    assert read_archive(path)[0]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "tensor", [torch.arange(3.0), torch.arange(3), torch.tensor([1 + 2j]), torch.tensor([True]), torch.zeros(2).half()]
)
def test_the_order_of_bytes_is_that_of_the_file(tmp_path: Path, tensor: torch.Tensor) -> None:
    other = "big" if sys.byteorder == "little" else "little"
    numbers = tensor.numpy().byteswap().tobytes()
    path = changed(save(tmp_path / "w.pth", {"a": tensor}), {"w/byteorder": other.encode(), "w/data/0": numbers})
    assert torch.equal(read_archive(path)[0]["a"], tensor)
    assert torch.equal(torch.load(path)["a"], tensor)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"w/data/0": None}, "memory that is not in it"),
        ({"w/data/0": bytes(7)}, "shorter than it says"),
        ({"w/data.pkl": None}, "without data.pkl"),
        ({"w/byteorder": b"middle"}, "an order of bytes that is unknown"),
        ({"w/data.pkl": pickle.dumps(1)[:-1]}, "too early"),
        ({"w/data.pkl": b"\x80\x02U\x01aQ."}, "what is no memory"),
        ({"w/data.pkl": b"\x80\x02(U\x07storagecos\nsystem\nU\x010U\x03cpuK\x03tQ."}, "without a type"),
        ({"w/data.pkl": b"\x80\x02(U\x07storagectorch\nFloatStorage\nK\x00U\x03cpuK\x03tQ."}, "what is no memory"),
        ({"w/data.pkl": b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuU\x013tQ."}, "shorter than it says"),
    ],
)
def test_memory_that_is_not_there_is_told(tmp_path: Path, parts: dict[str, bytes | None], reason: str) -> None:
    path = changed(save(tmp_path / "w.pth", {"a": torch.zeros(3)}), parts)
    with pytest.raises(DamagedError, match=reason):
        read_archive(path)


def test_an_archive_in_an_archive_is_no_program(tmp_path: Path) -> None:
    inner = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, inner)
    with ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("inner.pth", inner.getvalue())
    check_archive(tmp_path / "w.pth")
    with pytest.raises(DamagedError, match=r"without data\.pkl"):
        read_archive(tmp_path / "w.pth")


def test_an_archive_of_too_many_parts_is_not_read(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "w.pth", "w") as archive:
        for i in range(40_001):
            archive.writestr(f"w/data/{i}", b"")
    with pytest.raises(ModelError, match="holds 40001 parts; save the state dict alone"):
        check_archive(tmp_path / "w.pth")
