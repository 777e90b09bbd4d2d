"""The files of a graph: weights beside it, places outside its folder, and bytes that are no graph."""

import os
from pathlib import Path

import onnx
import pytest
from helpers.onnx_graphs import write_graph
from onnx import TensorProto, helper

from reliseg.errors import ModelError
from reliseg.models.graphs.onnx_files import graph_files


def test_a_graph_that_holds_its_weights_is_one_file(tmp_path: Path):
    assert graph_files("net", write_graph(tmp_path / "net.onnx")) == [tmp_path / "net.onnx"]


def test_files_of_weights_that_it_names_belong_to_it(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx", beside="net.onnx.data")
    assert graph_files("net", path) == [path, tmp_path / "net.onnx.data"]
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(ModelError, match=r"file of weights net.onnx.data cannot be had \(no such file or directory\)"):
        graph_files("net", path)


def external(name: str, place: str) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=place)
    return tensor


def test_weights_are_found_in_constants_branches_and_functions(tmp_path: Path):
    for name in "abc":
        (tmp_path / name).write_bytes(b"1234")
    constant = helper.make_node("Constant", [], ["x"], value=external("x", "a"))
    inner = helper.make_graph([], "inner", [], [], [external("y", "b")])
    branch = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    function = helper.make_function(
        "own", "f", [], ["q"], [helper.make_node("Constant", [], ["q"], value=external("q", "c"))], []
    )
    graph = helper.make_graph([constant, branch], "net", [], [])
    (tmp_path / "net.onnx").write_bytes(helper.make_model(graph, functions=[function]).SerializeToString())
    assert {p.name for p in graph_files("net", tmp_path / "net.onnx")} == {"net.onnx", "a", "b", "c"}


@pytest.mark.parametrize("place", ["../weights", "/etc/passwd", "a/../../b", "C:\\weights", "..\\w", "", "\\\\host\\w"])
def test_weights_outside_its_folder_are_refused(tmp_path: Path, place: str):
    graph = helper.make_graph([], "net", [], [], [external("w", place)])
    (tmp_path / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelError, match="outside its own folder; save it with its weights beside it"):
        graph_files("net", tmp_path / "net.onnx")


def whole(path: Path) -> bytes:
    return write_graph(path.with_name("whole.onnx")).read_bytes()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda path: whole(path)[:-40], "it ends in the middle of a field"),
        (lambda path: b"PK\x03\x04" + bytes(100), "not an ONNX graph, or a damaged one"),
        (lambda path: b"\xff" * 50, "not an ONNX graph, or a damaged one"),
        (lambda path: b"", "an empty file; copy it again"),
        (lambda path: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_what_is_no_graph_is_said_in_one_line(tmp_path: Path, content, problem: str):
    path = tmp_path / "net.onnx"
    path.write_bytes(content(path))
    with pytest.raises(ModelError, match=f"^model net: .*net.onnx: .*{problem}") as caught:
        graph_files("net", path)
    assert "\n" not in str(caught.value)


def test_a_pipe_and_a_missing_file_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="it is a pipe, not a regular file; give an ONNX file"):
        graph_files("net", tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="no such file or directory; give an ONNX file"):
        graph_files("net", tmp_path / "none.onnx")


def test_messages_without_end_inside_one_another_are_refused(tmp_path: Path):
    graph = helper.make_graph([], "g", [], [])
    for _ in range(30):
        node = helper.make_node("If", ["c"], ["z"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [])
    (tmp_path / "net.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelError, match="messages inside one another"):
        graph_files("net", tmp_path / "net.onnx")


def test_a_program_of_torch_in_the_place_of_a_graph_is_told_its_kind(tmp_path: Path):
    (tmp_path / "net.pt2").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelError, match=r"; for a program of torch.export, write kind: exported, where: net.pt2"):
        graph_files("net", tmp_path / "net.pt2")


def test_a_damaged_graph_is_not_sent_to_the_kind_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07hello")
    with pytest.raises(ModelError, match=r"copy or export it again$"):
        graph_files("net", path)
