"""A user's graph is read, checked, cleaned and brought to another version of ONNX, or refused in one line."""

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.onnx_graphs import branching_graph, calling_graph, write_graph
from onnx import helper

from reliseg.deploy.export.joined import user_graph
from reliseg.deploy.export.joined.user_graph import (
    UserGraph,
    at_opset,
    imports_of,
    nodes_of,
    opset_of,
    read_graph,
    without_functions,
)
from reliseg.errors import ModelError

IMAGES = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def run(model, images=IMAGES):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})


def saved(tmp_path, model):
    onnx.save_model(model, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_weights_beside_a_graph_come_along(tmp_path):
    images = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    inside, beside = (read_graph("net", write_graph(tmp_path / f"{b}.onnx", beside=b)) for b in (None, "net.bin"))
    np.testing.assert_array_equal(*(run(model, images)[0] for model in (inside, beside)))


def test_nothing_of_where_it_came_from_and_no_name_of_an_axis_is_left(tmp_path):
    model = branching_graph()
    model.graph.node[0].doc_string = model.graph.doc_string = "/home/somebody/net.py"
    branch = model.graph.node[-1].attribute[0].g
    branch.node[0].doc_string, branch.output[0].type.tensor_type.shape.dim[2].dim_param = "/home/somebody", "height"
    read = read_graph("net", saved(tmp_path, model))
    assert "somebody" not in str(read)
    assert "dim_param" not in str(read)
    np.testing.assert_array_equal(run(read)[0], run(model)[0])


def test_old_graphs_list_their_weights_among_their_inputs(tmp_path):
    model = branching_graph()
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("shift", onnx.TensorProto.FLOAT, [1]))
    assert [given.name for given in read_graph("net", saved(tmp_path, model)).graph.input] == ["images"]


@pytest.mark.parametrize("make", [branching_graph, calling_graph])
def test_an_older_graph_computes_the_same_at_another_version(tmp_path, make):
    model = make(opset=13)
    raised = at_opset(read_graph("net", saved(tmp_path, model)), 20, "net")
    assert opset_of(raised) == 20
    assert not raised.functions
    np.testing.assert_array_equal(run(raised)[0], run(model)[0])


def test_the_version_that_is_there_is_left_alone(tmp_path):
    model = read_graph("net", saved(tmp_path, calling_graph(opset=20)))
    assert at_opset(model, 20, "net") is model
    assert len(model.functions) == 1
    assert imports_of([model]) == {"": 20, "local": 1}
    np.testing.assert_array_equal(run(without_functions(model))[0], run(model)[0])


def test_a_version_that_cannot_be_reached_is_said_in_one_line(tmp_path):
    model = read_graph("net", write_graph(tmp_path / "net.onnx"))
    model.graph.node.append(helper.make_node("Unknown", ["images"], ["more"]))
    with pytest.raises(
        ModelError, match=r"^model net is of opset 20, and onnx cannot bring it to opset 21 \("
    ) as found:
        at_opset(model, 21, "net")
    assert str(found.value).endswith("export it with opset 20, or export what follows its logits, with --head-only")


def test_operators_of_others_are_named(tmp_path):
    write_graph(tmp_path / "net.onnx", ending="custom")
    with pytest.raises(ModelError, match="model net uses GridSampler of mmdeploy, no standard operators of ONNX; "):
        read_graph("net", tmp_path / "net.onnx")


def test_what_one_file_cannot_hold_and_what_cannot_be_read_again_is_said(tmp_path, monkeypatch):
    path = write_graph(tmp_path / "net.onnx")
    monkeypatch.setattr(user_graph.onnx, "load", lambda path: 1 / 0)
    with pytest.raises(ModelError, match=r"model net: .*net.onnx cannot be read again \(ZeroDivisionError"):
        read_graph("net", path)
    monkeypatch.setattr(user_graph, "LARGEST", 100)
    with pytest.raises(ModelError, match=r"model net takes .* kB, and one ONNX file holds 2 GiB at most; export what"):
        read_graph("net", path)


def test_one_name_of_the_default_domain_is_used(tmp_path):
    model = branching_graph()
    for entry in model.opset_import:
        entry.domain = "ai.onnx"
    for node in nodes_of(model):
        node.domain = "ai.onnx"
    read = read_graph("net", saved(tmp_path, model))
    assert {node.domain for node in nodes_of(read)} == {""}
    assert imports_of([read]) == {"": 20}


def test_a_copy_has_other_names_in_its_branches_too():
    model = branching_graph()
    graph = UserGraph.of(model)
    copied = graph.copy("a/", ["logits"])
    copied.initializer.extend(graph.initializers)
    for tensor in copied.initializer:
        tensor.name = f"a/{tensor.name}"
    onnx.checker.check_model(helper.make_model(copied, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    assert all(name.startswith("a/") for node in copied.node for name in (*node.input, *node.output))
    assert [output.name for output in copied.output] == ["a/logits"]
