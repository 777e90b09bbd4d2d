"""Kinds of tensors, by name."""

import pytest
import torch

from reliseg.models.checkpoints.tensor_kinds import kind_problem, layout_problem, type_text


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_plain_floats_are_no_problem(dtype: torch.dtype) -> None:
    assert kind_problem(torch.zeros(2, dtype=dtype)) is None


def test_whole_numbers_have_a_layout_but_are_no_floats() -> None:
    assert layout_problem(torch.zeros(2, dtype=torch.int64)) is None
    assert kind_problem(torch.zeros(2, dtype=torch.int64)) == "a tensor of int64"


def test_tensors_without_plain_memory_are_named() -> None:
    assert layout_problem(torch.zeros(2, 2).to_sparse()) == "a tensor of layout sparse_coo"
    assert layout_problem(torch.zeros(2, device="meta")) == "a tensor without content (device meta)"


def test_types_are_called_as_in_configurations() -> None:
    assert type_text(torch.bfloat16) == "bfloat16"
