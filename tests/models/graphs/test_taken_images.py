"""The images that a graph takes: sizes, numbers, and what is said of others."""

import numpy as np
import pytest

from reliseg.errors import ModelError
from reliseg.models import Augmented, FitWithin, ModelOptions, Slide
from reliseg.models.graphs.taken_images import GraphInput, own_inference
from reliseg.models.inference.modes import Inference
from reliseg.prediction import Prediction

FIXED = GraphInput(images=2, height=(32, 32), width=(48, 48))


def images(number: int, size: tuple[int, int] = (4, 6)) -> list[np.ndarray]:
    return [np.full((*size, 3), i, np.uint8) for i in range(number)]


def test_a_graph_of_one_size_says_which_and_two_ways_out():
    assert FIXED.size == (32, 48)
    assert FIXED.problem((32, 48)) is None
    assert FIXED.problem((48, 32)) == (
        "takes images of height 32, width 48 alone; set resize: [32, 48], or slide with crop: [32, 48] over images at "
        "least as large"
    )


def test_a_graph_of_a_range_of_sizes_says_its_limits():
    graph = GraphInput(height=(33, None), width=(64, 640))
    assert graph.size is None
    assert graph.problem((33, 640)) is None
    assert graph.problem((32, 64)) == graph.problem((64, 641))
    assert "takes images of height 33 or more and width 64 to 640; set resize" in str(graph.problem((32, 64)))
    assert "height any and width 8" in str(GraphInput(width=(8, 8)).problem((4, 4)))


def test_images_come_in_the_number_that_the_graph_takes_and_none_is_given_twice():
    given = []

    def run(part):
        given.append([int(image[0, 0, 0]) for image in part])
        return [Prediction(np.full((1, 1, 1), image[0, 0, 0], np.float32), (4, 6)) for image in part]

    predictions = FIXED.adapted(run, Inference())(images(5))
    assert given == [[0, 1], [2, 3], [4, 4]]
    assert [p.logits.item() for p in predictions] == [0, 1, 2, 3, 4]
    given.clear()
    GraphInput().adapted(run, Inference())(images(3))
    assert given == [[0, 1, 2]]


def test_a_failure_is_explained_by_the_size_only_where_the_graph_does_not_take_it():
    def fail(part):
        raise AssertionError("Guard failed")

    with pytest.raises(ModelError, match=r"^takes images of height 32, width 48 alone"):
        FIXED.adapted(fail, Inference())(images(1))
    with pytest.raises(AssertionError, match="Guard failed"):
        FIXED.adapted(fail, Inference())(images(1, (32, 48)))
    with pytest.raises(AssertionError, match="Guard failed"):  # of the size after padding
        FIXED.adapted(fail, Inference(pad=16))(images(1, (20, 40)))


def test_images_are_brought_to_the_size_of_the_options_else_to_the_only_one():
    def size_of(graph, **options):
        return own_inference(ModelOptions("net", "onnx", "net.onnx", **options), graph).resizing.size_for((90, 120))

    assert size_of(FIXED) == (32, 48)
    assert size_of(GraphInput()) == (90, 120)
    assert size_of(FIXED, resize=(8, 8)) == (8, 8)
    assert size_of(FIXED, resize=FitWithin(60, 60)) == (45, 60)
    assert size_of(FIXED, slide=Slide((32, 48), (16, 24))) == (90, 120)  # windows of its size
    with pytest.raises(ModelError, match=r"^model net: resize is 'processor'; write \[h, w\]"):
        size_of(FIXED, resize="processor")


def test_a_graph_of_one_size_is_shown_mirror_images_but_no_scales_unless_windows_have_its_size():
    def views(**options):
        return own_inference(ModelOptions("net", "onnx", "net.onnx", **options), FIXED).views

    assert len(views(tta=Augmented(flip=True))) == 2
    with pytest.raises(
        ModelError, match=r"^model net takes images of height 32, width 48 alone, and tta shows them at o"
    ):
        views(tta=Augmented(scales=(0.5, 1.0)))
    assert len(views(tta=Augmented(scales=(1.0, 2.0)), slide=Slide((32, 48), (16, 24)))) == 2
