"""Graphs are joined: each call has names of its own, weights and functions are there once."""

import numpy as np
import onnx
import onnxruntime
from helpers.onnx_graphs import branching_graph, calling_graph
from onnx import TensorProto, helper

from reliseg.deploy.export.joined.joining import Joint, join
from reliseg.deploy.export.joined.user_graph import UserGraph

SHAPE = ["n", 3, "h", "w"]
IMAGES = np.random.default_rng(0).normal(size=(1, 3, 4, 5)).astype(np.float32)


def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)


def graph(nodes, inputs, outputs):
    parts = [helper.make_node(kind, given, [out]) for kind, given, out in nodes]
    made = helper.make_graph(parts, "part", [value(name) for name in inputs], [value(name) for name in outputs])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model, **given):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)


BEFORE = graph([("Neg", ["image"], "asked_0"), ("Abs", ["image"], "asked_1"), ("Exp", ["image"], "asked_2")], ["image"],
               ["asked_0", "asked_1", "asked_2"])  # fmt: skip


def test_two_calls_share_weights_and_one_that_nothing_comes_of_is_left_out():
    alone = branching_graph()
    expected = [run(alone, images=images)[0] for images in (-IMAGES, abs(IMAGES))]
    users = UserGraph.of(branching_graph())
    after = graph([("Sub", ["answers_0", "answers_1"], "maps"), ("Add", ["maps", "image"], "sums")],
                  ["image", "answers_0", "answers_1", "answers_2"], ["maps", "sums"])  # fmt: skip
    joints = [Joint(users, f"asked_{i}", "images", {f"answers_{i}": "logits"}) for i in range(3)]
    joined = join(BEFORE, joints, after)
    maps, sums = run(joined, image=IMAGES)
    np.testing.assert_allclose(maps, expected[0] - expected[1], rtol=1e-6)
    np.testing.assert_allclose(sums, maps + IMAGES, rtol=1e-6)
    assert [tensor.name for tensor in joined.graph.initializer] == ["network0/shift", "network0/least"]
    assert not any(name.startswith("network2/") for node in joined.graph.node for name in node.output)
    assert [given.name for given in joined.graph.input] == ["image"]


def test_functions_are_kept_and_an_image_that_nobody_reads_is_not_passed_on():
    users = UserGraph.of(calling_graph())
    after = graph([("Neg", ["answers_0"], "maps")], ["image", "answers_0"], ["maps"])
    joined = join(BEFORE, [Joint(users, "asked_0", "images", {"answers_0": "logits"})], after)
    assert [function.name for function in joined.functions] == ["Twice"]
    np.testing.assert_allclose(run(joined, image=IMAGES)[0], -run(calling_graph(), images=-IMAGES)[0])
    assert not any("image" in output for node in joined.graph.node for output in node.output)
    assert {(entry.domain, entry.version) for entry in joined.opset_import} == {("", 20), ("local", 1)}


def test_graphs_of_two_users_keep_their_own_weights():
    two = [UserGraph.of(branching_graph(shift=shift)) for shift in (1.0, 2.0)]
    after = graph([("Sub", ["answers_0", "answers_1"], "maps")], ["image", "answers_0", "answers_1"], ["maps"])
    asked = [Joint(users, f"asked_{i + 1}", "images", {f"answers_{i}": "logits"}) for i, users in enumerate(two)]
    joined = join(BEFORE, asked, after)
    first = run(branching_graph(shift=1.0), images=abs(IMAGES))[0]
    second = run(branching_graph(shift=2.0), images=np.exp(IMAGES))[0]
    np.testing.assert_allclose(run(joined, image=IMAGES)[0], first - second, rtol=1e-5)
