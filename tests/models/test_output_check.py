"""What is refused of a model's output, and what is not."""

import numpy as np
import pytest

from reliseg.labels import LabelSpace
from reliseg.models.output_check import class_count_problem, logits_problem, probabilities_problem

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


CERTAIN = {
    "a softmax": lambda p: p,
    "a softmax in float16": lambda p: p.astype(np.float16),
    "a softmax in float64": lambda p: p.astype(np.float64),
    "8-bit rounding of few classes": lambda p: np.round(p * 255) / 255,
    "a softmax at a temperature": lambda p: softmax(np.log(p) / 5),
    "rows of padding that are 0": lambda p: with_rows(p, 0),
    "bicubic resizing, which goes beyond 0 and 1": lambda p: p + 0.1 * (p - p[::-1]),
}
LIKELY = {
    "a row that sums to less": lambda p: with_rows(p, 0.4),
    "rounding to 32 levels": lambda p: np.round(p * 31) / 31,
    "8-bit numbers": lambda p: np.round(p * 255),
    "percentages": lambda p: 100 * p,
    "percentages, rounded": lambda p: np.round(100 * p),
    "percentages, padded with 0": lambda p: with_rows(100 * p, 0),
    "the sum over three scales": lambda p: 3 * p,
    "sigmoids": lambda p: 1 / (1 + np.exp(-np.log(p))),
    "a softmax over the rows": lambda p: softmax(np.log(p).transpose(1, 0, 2)).transpose(1, 0, 2),
    "a pixel that sums to more": lambda p: with_rows(p, 1.04),
    "classes, one of them 1": lambda p: np.eye(3)[p.argmax(axis=0)].transpose(2, 0, 1) * 10,
}
HARMLESS = {
    "logits": lambda p: 3 * np.log(p) + 4,
    "log probabilities": np.log,
    "small logits of both signs": lambda p: 0.1 * np.log(p / p.mean()),
    "a ReLU": lambda p: np.maximum(np.log(p) + 3, 0),
    "a ReLU on an image of one color, with other values at its edges": lambda p: constant(p, edge=1.02),
    "a ReLU on an image of one color": lambda p: 7 * constant(p),
    "nothing but 0": np.zeros_like,
    "nothing but 1": np.ones_like,
    "NaN, which is refused elsewhere": lambda p: p * np.nan,
    "differences that sum to 0": lambda p: 5 * (p - p.mean(axis=0)),
    "probabilities of other signs, sums of 1 by chance": lambda p: p + np.array([-0.9, 0.9, 0])[:, None, None],
}


def with_rows(p: np.ndarray, factor: float) -> np.ndarray:
    return np.concatenate([p[:, :6], factor * p[:, 6:]], axis=1)


def constant(p: np.ndarray, edge: float = 1) -> np.ndarray:
    z = np.broadcast_to(np.array([1.0, 4.0, 2.5])[:, None, None], p.shape).copy()
    z[:, 0] *= edge
    return z


@pytest.mark.parametrize("case", CERTAIN)
def test_probabilities_are_refused_whatever_is_said(case: str) -> None:
    array = CERTAIN[case](softmax(logits(3, 8, 8)))
    for stated in (False, True):
        assert str(logits_problem(array, SPACE, stated=stated)) == (
            "gives probabilities, not logits (they sum to 1 in each pixel); leave out the softmax, "
            "or say what they are, values: probabilities"
        )


@pytest.mark.parametrize("case", LIKELY)
def test_what_looks_like_probabilities_is_refused_unless_it_is_said_to_be_logits(case: str) -> None:
    array = np.asarray(LIKELY[case](softmax(logits(3, 8, 8))), np.float32)
    problem = str(logits_problem(array, SPACE))
    assert problem.startswith("gives probabilities, not logits (")
    assert problem.endswith("values: probabilities, or logits if they are logits")
    assert logits_problem(array, SPACE, stated=True) is None


@pytest.mark.parametrize("case", HARMLESS)
def test_what_cannot_be_or_need_not_be_probabilities_is_accepted(case: str) -> None:
    assert logits_problem(np.asarray(HARMLESS[case](softmax(logits(3, 8, 8))), np.float32), SPACE) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_probabilities_are_accepted_in_every_precision(dtype: type) -> None:
    space = LabelSpace("many", tuple(map(str, range(150))), ((0, 0, 0),) * 150)
    assert probabilities_problem(softmax(logits(150, 8, 8)).astype(dtype), space) is None


def test_what_is_no_probability_is_named_with_its_pixel() -> None:
    p = softmax(logits(3, 8, 8))
    p[2, 5, 6] = -0.5
    assert str(probabilities_problem(p, SPACE)).startswith(
        "gives -0.5 as a probability, of class 2 in row 5, column 6; give numbers from 0 to 1"
    )
    p[2, 5, 6] = np.nan
    assert "gives nan as a probability, of class 2 in row 5, column 6" in str(probabilities_problem(p, SPACE))
    p = np.full((3, 8, 8), 1 / 3)
    p[:, 7, 1] *= 0.8
    assert str(probabilities_problem(p, SPACE)).startswith(
        "gives probabilities that sum to 0.8 in row 7, column 1, and not to 1 within 0.01; give the softmax"
    )
    assert "sum to inf in row 0, column 0" in str(probabilities_problem(np.full((3, 2, 2), np.inf), SPACE))
    assert "gives 2 classes" in str(probabilities_problem(p[:2], SPACE))
    assert "gives probabilities of shape 8 x 8" in str(probabilities_problem(p[0], SPACE))
