"""What is refused of a model's output, and what is not."""

import numpy as np
import pytest

from reliseg.labels import LabelSpace
from reliseg.models.output_check import class_count_problem, logits_problem, shape_text

SPACE = LabelSpace("three", ("a", "b", "c"), ((0, 0, 0),) * 3)


def logits(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z)
    return e / e.sum(axis=0)


def test_logits_of_the_label_spaces_classes_are_no_problem() -> None:
    assert logits_problem(logits(3, 4, 5), SPACE) is None


@pytest.mark.parametrize(
    ("shape", "text"), [((3, 4), "3 x 4"), ((1, 3, 4, 5), "1 x 3 x 4 x 5"), ((3, 0, 5), "3 x 0 x 5")]
)
def test_other_shapes_are_named(shape: tuple[int, ...], text: str) -> None:
    assert logits_problem(logits(*shape), SPACE) == f"gives logits of shape {text}, not classes x height x width"


def test_another_number_of_classes_is_named() -> None:
    assert class_count_problem(3, SPACE) is None
    assert logits_problem(logits(4, 2, 2), SPACE) == (
        "gives 4 classes, label space three has 3; set labels to the classes it was trained with"
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_probabilities_are_refused_in_every_precision(dtype: type) -> None:
    problem = logits_problem(softmax(logits(3, 8, 8)).astype(dtype), SPACE)
    assert problem is not None
    assert problem.startswith("gives probabilities, not logits; leave out the softmax")


def test_values_between_0_and_1_that_do_not_sum_to_1_are_logits() -> None:
    assert logits_problem(1 / (1 + np.exp(-logits(3, 8, 8))), SPACE) is None
    one_pixel = softmax(logits(3, 8, 8))
    one_pixel[0, 3, 3] += 0.05
    assert logits_problem(one_pixel, SPACE) is None


def test_logits_that_sum_to_1_but_are_negative_somewhere_are_logits() -> None:
    z = softmax(logits(3, 8, 8))
    z[0] -= 0.9
    z[1] += 0.9
    assert logits_problem(z, SPACE) is None


@pytest.mark.parametrize(("shape", "text"), [((), "a single number"), ((19,), "19"), ((19, 45, 60), "19 x 45 x 60")])
def test_shapes_as_text(shape: tuple[int, ...], text: str) -> None:
    assert shape_text(shape) == text
