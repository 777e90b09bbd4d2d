"""Programs of torch in files: told by content, loaded quietly, refused in one line; and that they can do anything."""

import io
import os
import zipfile
from pathlib import Path

import pytest
import torch
from helpers.programs import Net, any_size, dimension, export, write_program, write_script

from reliseg.errors import ModelError
from reliseg.models.graphs.taken_images import GraphInput
from reliseg.models.torch.programs import exported_module, load_program, program_form, taken_images

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    write_program(folder / "fixed.pt2")
    write_program(folder / "any.pt2", shapes=any_size())
    write_script(folder / "net.pt")
    return folder


def test_a_program_is_told_by_its_content_and_not_by_its_name(folder: Path, tmp_path: Path):
    for name, form in (("fixed.pt2", "torch.export"), ("net.pt", "TorchScript")):
        other = tmp_path / "model.bin"
        other.write_bytes((folder / name).read_bytes())
        assert program_form("net", other) == form


@pytest.mark.parametrize("name", ["fixed.pt2", "any.pt2", "net.pt"])
def test_a_loaded_program_computes_what_the_network_does(folder: Path, name: str, capfd):
    path = folder / name
    module, _ = load_program("net", path, program_form("net", path), CPU)
    images = torch.randn(1, 3, 32, 64)
    with torch.inference_mode():
        assert torch.equal(module(images), Net().eval()(images))
    assert capfd.readouterr().err == ""


def test_the_images_that_a_program_takes_are_those_that_it_states(folder: Path):
    taken = {
        name: load_program("net", folder / name, program_form("net", folder / name), CPU)[1]
        for name in (p.name for p in folder.iterdir())
    }
    assert taken["fixed.pt2"] == GraphInput(1, (32, 32), (64, 64))
    assert taken["any.pt2"] == GraphInput(None, (5, None), (5, None))
    assert taken["net.pt"] == GraphInput()
    multiples = {"images": {2: 32 * torch.export.Dim("h", max=10), 3: dimension("w")}}
    some = taken_images(exported_module(export(Net(), shapes=multiples, size=(64, 64)), CPU))
    assert some.images == 1
    assert some.height[1] == 320
    assert taken_images(Net()) == GraphInput()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda pt2: pt2[: len(pt2) // 2], "no program of torch.export or TorchScript, or a damaged one"),
        (lambda pt2: pt2.replace(b"conv2d", b"conv3d"), "damaged, as the checksum of .* is another one; copy it again"),
        (lambda pt2: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS in the place of the file"),
        (
            lambda pt2: b"",
            "no program of torch.export or TorchScript, or a damaged one; for a state dict, use kind: python",
        ),
        (lambda pt2: saved({"body.weight": torch.zeros(2)}), "a checkpoint, and no program; use kind: python"),
        (lambda pt2: zipped({"x/data/aotinductor/model/a.so": b""}), "compiled for one machine by AOTInductor"),
        (lambda pt2: zipped({"x/models/model.json": b"{}"}), r"torch \S+ cannot load it .*; export it again with this"),
        (lambda pt2: zipped({"x/constants.pkl": b"{}"}), r"torch \S+ cannot load it .*; export it again with this"),
    ],
)
def test_what_is_no_program_is_said_in_one_line(folder: Path, tmp_path: Path, content, problem, capfd):
    path = tmp_path / "net.pt2"
    path.write_bytes(content((folder / "fixed.pt2").read_bytes()))
    with pytest.raises(ModelError, match=f"^model net: .*net.pt2: {problem}") as caught:
        load_program("net", path, program_form("net", path), CPU)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_an_onnx_graph_in_the_place_of_a_program_is_told_its_kind(tmp_path: Path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x0a\x12\x07pytorch")
    with pytest.raises(ModelError, match=r"; for an ONNX graph, write kind: onnx, where: net.onnx"):
        program_form("net", tmp_path / "net.onnx")


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_missing_file_and_a_pipe_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="it is a pipe, not a regular file; give a program"):
        program_form("net", tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="no such file or directory; give a program"):
        program_form("net", tmp_path / "none.pt2")


class Payload:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_a_program_of_torch_export_can_run_anything_when_it_is_loaded_as_the_page_says(folder: Path, tmp_path: Path):
    """Were torch to stop this one day, the page should say so."""
    path, trace = tmp_path / "net.pt2", tmp_path / "ran"
    with zipfile.ZipFile(folder / "fixed.pt2") as whole, zipfile.ZipFile(path, "w") as other:
        for member in whole.namelist():
            is_payload = member.endswith("/sample_inputs/model.pt")
            content = saved(((Payload(trace),), {})) if is_payload else whole.read(member)
            other.writestr(member, content)
    form = program_form("net", path)
    assert not trace.exists()
    load_program("net", path, form, CPU)
    assert trace.exists()
