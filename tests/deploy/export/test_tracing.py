"""Programs and ONNX graphs of modules; what has none is named."""

import onnx
import pytest
import torch
from torch import nn

from reliseg.deploy.export.tracing import AXES, as_onnx, fixed_axes, stated_least, takes_any_number, trace
from reliseg.errors import ModelError


class Sorted(nn.Module):
    """An operator that ONNX does not have."""

    def forward(self, image):
        edges = torch.linspace(0, 255, 5)
        return (torch.searchsorted(edges, image.float()),)


class OneSize(nn.Module):
    """A bias of a size of its own."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(6, 8, 3))

    def forward(self, image):
        return (image + self.bias,)


class OneImage(nn.Module):
    def forward(self, image):
        return (image.reshape(1, 6, 8, 3).float(),)


class Plain(nn.Module):
    def forward(self, image):
        return (image.float().mean(dim=3),)


class Several(nn.Module):
    def forward(self, image, parts):
        return (image.float().mean(dim=3) + parts[0].mean() + parts[1].mean(),)


def images(height=6, width=8):
    return {"image": torch.zeros(1, height, width, 3, dtype=torch.uint8)}


def test_the_number_of_images_is_free_and_their_size_is_where_it_is_asked_for():
    fixed, free = (trace(Plain(), images(), "net", dynamic=dynamic) for dynamic in (False, True))
    assert takes_any_number(fixed)
    assert takes_any_number(free)
    assert fixed_axes(fixed, {"image": {1: "height", 2: "width"}}) == ["height 6", "width 8"]
    assert fixed_axes(free, AXES) == []
    height, width = stated_least(free)
    assert height <= 2
    assert width <= 2


def test_a_module_of_one_image_is_traced_with_one():
    assert not takes_any_number(trace(OneImage(), images(), "net", dynamic=False))


def test_inputs_may_be_lists_and_one_image_may_be_all_that_is_asked_for():
    inputs = images() | {"parts": [torch.zeros(1, 2), torch.zeros(1, 3)]}
    axes = AXES | {"parts_0": {0: "n", 1: "h"}}
    free, one = (trace(Several(), inputs, "net", dynamic=True, many=many, axes=axes) for many in (True, False))
    assert takes_any_number(free)
    assert not takes_any_number(one)
    assert fixed_axes(free, {"parts_0": {1: "h"}, "parts_1": {1: "w"}}) == ["w 3"]
    assert fixed_axes(one, AXES) == ["n 1"]


def test_a_module_of_one_size_is_not_traced_for_any():
    with pytest.raises(
        ModelError, match="model net takes height 6, width 8 alone when it is traced; leave out --dynamic"
    ):
        trace(OneSize(), images(), "net", dynamic=True)


@pytest.mark.slow
def test_an_operator_that_onnx_does_not_have_is_named():
    program = trace(Sorted(), images(), "net", dynamic=False)
    with pytest.raises(
        ModelError, match=r"model net: no ONNX graph can be made of it \(.*searchsorted.*give --format pt2"
    ):
        as_onnx(program, ["classes"], "net")


@pytest.mark.slow
def test_axes_of_an_onnx_graph_have_names_and_nothing_of_its_sources_is_left():
    graph = as_onnx(trace(Plain(), images(), "net", dynamic=True), ["confidence"], "net")
    onnx.checker.check_model(graph)
    shapes = [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*graph.graph.input, *graph.graph.output)
    ]
    assert shapes == [["n", "height", "width", 3], ["n", "height", "width"]]
    assert ".py" not in str(graph)
