"""Which array of an output is taken for the logits: the only one that fits, or the one that is named."""

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import SemanticSegmenterOutput

from reliseg.errors import ModelError
from reliseg.models.outputs import OutputReader, array_shape

MAIN, AUX = torch.zeros(1, 3, 4, 6), torch.ones(1, 3, 8, 12)
FEATURE, POOLED = torch.zeros(1, 16, 4, 6), torch.zeros(1, 16)
CLASSES = torch.zeros(1, 3, 4, 6, dtype=torch.int64)
Heads = namedtuple("Heads", ["aux", "main"])


@dataclass
class Result:
    logits: Any
    rest: Any = None


@pytest.mark.parametrize(
    ("output", "taken"),
    [
        (MAIN, ""),
        ((MAIN, None), "0"),
        ([{"out": (MAIN,)}], "0.out.0"),
        ({"out": MAIN}, "out"),
        ({"logits": MAIN}, "logits"),
        ({"aux": AUX, "out": MAIN}, "out"),
        ({"aux": {"logits": AUX}, "logits": MAIN}, "logits"),
        ({"masks": MAIN}, "masks"),
        ({"feature": FEATURE, "seg": MAIN}, "seg"),
        ((FEATURE, POOLED, MAIN), "2"),
        ((MAIN, MAIN), "0"),
        ((CLASSES, MAIN), "1"),
        (Heads(FEATURE, MAIN), "main"),
        (Result(MAIN, AUX), "logits"),
        (Result({"out": MAIN}), "logits.out"),
        (SimpleNamespace(score=1, logits=MAIN, aux=AUX), "logits"),
        (SemanticSegmenterOutput(logits=MAIN, hidden_states=(FEATURE, FEATURE)), "logits"),
    ],
)
def test_the_only_array_that_fits_is_taken(output: Any, taken: str) -> None:
    reader = OutputReader(3, ndim=4)
    assert reader(output) is MAIN
    assert reader.taken == taken


@pytest.mark.parametrize(
    ("output", "listed"),
    [
        ((AUX, MAIN), r"0 \(1 x 3 x 8 x 12\), 1 \(1 x 3 x 4 x 6\); say which holds the logits, for example output: 0"),
        ({"aux": AUX, "main": MAIN}, r"aux \(1 x 3 x 8 x 12\), main \("),
        (Heads(AUX, MAIN), r"aux \(.*\), main \(.*for example output: aux$"),
        ({"out": AUX, "logits": MAIN}, r"out \(.*\), logits \("),
        ([{"out": AUX}, {"out": MAIN}], r"0.out \(.*\), 1.out \("),
        ((FEATURE, [AUX, MAIN]), r"1.0 \(.*\), 1.1 \("),
    ],
)
def test_several_that_fit_are_refused_with_their_places(output: Any, listed: str) -> None:
    with pytest.raises(ModelError, match=f"^gives 2 arrays of 3 channels, one for each class: {listed}"):
        OutputReader(3, ndim=4)(output)


@pytest.mark.parametrize(
    ("output", "choice"),
    [
        ((AUX, MAIN), 1),
        ((AUX, MAIN), "1"),
        ({"aux": AUX, "main": MAIN}, "main"),
        (Heads(AUX, MAIN), "main"),
        (Heads(AUX, MAIN), 1),
        ([{"out": AUX}, {"out": MAIN, "x": FEATURE}], "1.out"),
        ([{"out": AUX}, {"out": MAIN, "x": FEATURE}], 1),
        ({"a.b": AUX, "a.c": MAIN}, "a.c"),
        ({"1": MAIN, "2": AUX}, "1"),
        (SemanticSegmenterOutput(logits=MAIN, hidden_states=(AUX,)), "logits"),
        (SemanticSegmenterOutput(logits=AUX, hidden_states=(AUX, MAIN)), "hidden_states.1"),
    ],
)
def test_the_one_that_is_named_is_taken(output: Any, choice: str | int) -> None:
    assert OutputReader(3, ndim=4, choice=choice)(output) is MAIN


@pytest.mark.parametrize(
    ("output", "choice", "text"),
    [
        ((AUX, MAIN), 2, r"has no output '2'; it gives 0 \(1 x 3 x 8 x 12\), 1 \(1 x 3 x 4 x 6\)$"),
        ({"aux": AUX, "main": MAIN}, "mian", r"has no output 'mian'; it gives aux \(.*\), main \("),
        (MAIN, "main", "has no output 'main': it gives an array alone; leave out output$"),
        ({"x": None}, "x", "has no output 'x'; it gives a dict without arrays$"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(output: Any, choice: str | int, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        OutputReader(3, ndim=4, choice=choice)(output)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, "a NoneType, and no array or tensor of logits"),
        ((), "a tuple, and no"),
        ({"x": 1, "y": None}, "a dict with x, y, and no array"),
        ((FEATURE, POOLED), r"a tuple without an array of 3 channels, .*; it holds 0 \(1 x 16 x 4 x 6\), 1 \(1 x 16\)"),
    ],
)
def test_other_outputs_are_described(output: Any, text: str) -> None:
    with pytest.raises(ModelError, match=f"^gives {text}"):
        OutputReader(3, ndim=4)(output)


def test_one_array_of_another_shape_is_given_back_for_what_says_so() -> None:
    assert OutputReader(3, ndim=4)({"out": FEATURE, "x": POOLED}) is FEATURE
    assert OutputReader(3, ndim=4)((FEATURE,)) is FEATURE


def test_arrays_of_one_image_have_three_dimensions() -> None:
    logits = np.zeros((3, 4, 6))
    assert OutputReader(3, ndim=3)((np.zeros((16, 4, 6)), logits)) is logits


def test_logits_at_another_place_than_before_are_refused() -> None:
    reader = OutputReader(3, ndim=4)
    reader({"a": MAIN, "b": FEATURE})
    with pytest.raises(ModelError, match=r"^has its logits at b, and had them at a before; say which with output"):
        reader({"a": FEATURE, "b": MAIN})


def test_an_output_that_holds_itself_ends() -> None:
    output: list[Any] = [None]
    output[0] = output
    with pytest.raises(ModelError, match="no array or tensor of logits"):
        OutputReader(3, ndim=4)(output)


def test_the_shape_of_an_array_is_told() -> None:
    assert array_shape(MAIN) == (1, 3, 4, 6)
    assert array_shape(np.zeros(3)) == (3,)
