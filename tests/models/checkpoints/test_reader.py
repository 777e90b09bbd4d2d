"""Files of weights from anywhere: damaged, packed, programs, and what only looks like a file."""

import os
import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from safetensors.torch import save_file

from reliseg.errors import ModelError
from reliseg.models.checkpoints.reader import read_checkpoint


def state() -> dict[str, torch.Tensor]:
    return {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.full((11,), 3.0)}


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"weights {path}")
    return str(caught.value)


@pytest.mark.parametrize("name", ["w.safetensors", "w.SAFETENSORS", "pytorch_model.bin", "w.pth"])
@pytest.mark.parametrize("form", ["safetensors", "zip"])
def test_the_content_tells_the_form_and_not_the_name(tmp_path: Path, name: str, form: str) -> None:
    path = tmp_path / name
    save_file(state(), path) if form == "safetensors" else torch.save(state(), path)
    assert (read_checkpoint(path).content["head.bias"] == 3).all()


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "w.pth", state())

    def refuse(*rest: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("reliseg.models.checkpoints.shards.open_regular", refuse)
    assert refusal(path).endswith("permission denied; give a state dict")


@pytest.mark.parametrize("length", [2**63, 2**60, 9_000_000])
def test_a_header_that_claims_too_much_is_not_read(tmp_path: Path, length: int) -> None:
    (tmp_path / "w.safetensors").write_bytes(length.to_bytes(8, "little") + b"{" + bytes(100))
    assert "not a safetensors file (a header of " in refusal(tmp_path / "w.safetensors")


def test_a_storage_that_claims_too_much_is_not_made(tmp_path: Path) -> None:
    """The number of elements in the old format, and in the archive's list, is 2 to the power of 40."""
    huge = b"\x8a\x06" + (2**40).to_bytes(6, "little")
    torch.save({"b": torch.zeros(11)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "old.pth").read_bytes()
    (tmp_path / "old.pth").write_bytes(content.replace(b"K\x0bN", huge + b"N"))
    assert "not a checkpoint, or a damaged one (" in refusal(tmp_path / "old.pth")
    with (
        ZipFile(save(tmp_path / "plain.pth", {"b": torch.zeros(11)})) as plain,
        ZipFile(tmp_path / "w.pth", "w") as lies,
    ):
        for name in plain.namelist():
            lies.writestr(name, plain.read(name).replace(b"K\x0b", huge) if "data.pkl" in name else plain.read(name))
    assert "not a checkpoint, or a damaged one (" in refusal(tmp_path / "w.pth")


def test_a_program_of_torch_export_is_named(tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Conv2d(3, 11, 3), (torch.zeros(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    assert refusal(tmp_path / "net.pt2").endswith("leave out weights, and write kind: exported, where: net.pt2")


def test_an_onnx_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\x08\x0a\x12\x07pytorch")
    assert refusal(tmp_path / "net.onnx").endswith("; for an ONNX graph, write kind: onnx, where: net.onnx")


def test_a_flipped_bit_in_an_archive_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", state())
    content = bytearray(path.read_bytes())
    content[content.index(bytes.fromhex("00004040"))] ^= 1  # a 3.0 of the bias
    path.write_bytes(content)
    assert "damaged, as the checksum of w/data/1 is another one; copy it again" in refusal(path)


def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        path = save(tmp_path / "w.pth", state())
    finally:
        torch.serialization.set_crc32_options(True)
    read_checkpoint(path)


def test_an_archive_that_unpacks_to_many_times_its_size_is_not_read(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"more": torch.zeros(1_000_000)})
    with ZipFile(path) as plain, ZipFile(tmp_path / "bomb.pth", "w", ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert re.search(r"unpacks from \d.* kB to 4.0 MB; not read", refusal(tmp_path / "bomb.pth"))


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pth")
    assert "it is a pipe, not a regular file" in refusal(tmp_path / "w.pth")
    (tmp_path / "folder.pth").mkdir()
    assert "it is a folder, not a file" in refusal(tmp_path / "folder.pth")


def damaged(content: bytes, seed: int) -> bytes:
    """Return the content cut off, or with some bytes replaced: mostly near its beginning or end, where names are."""
    g = random.Random(seed)
    if seed % 3 == 0:
        return content[: g.randrange(len(content))]
    result = bytearray(content)
    for _ in range(g.randint(1, 4)):
        near = g.randrange(min(len(result), 600))
        result[g.choice([near, -near - 1])] = g.randrange(256)
    return bytes(result)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_damaged_weights_are_read_as_they_are_or_refused_in_one_line(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=form == "zip")
    content = path.read_bytes()
    for seed in range(300):
        path.write_bytes(damaged(content, seed))
        with suppress(ModelError):
            read_checkpoint(path)


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    for name in ("w.pth", "w.safetensors"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        assert refusal(tmp_path / name).endswith(
            "a pointer of Git LFS in the place of the file; fetch it with git lfs pull"
        )
