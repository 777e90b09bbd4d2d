"""A user's module: evaluation mode, and what its layers and its errors suggest."""

import warnings

import pytest
import torch
from torch import nn

from reliseg.models.torch.modules import precision_hint, prepare, training_notes

CPU = torch.device("cpu")


def layers() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))


def test_a_module_is_brought_into_evaluation_mode_and_can_be_trained_further() -> None:
    module = layers()
    prepare(module, CPU)
    assert not any(layer.training for layer in module.modules())
    assert all(p.requires_grad for p in module.parameters())
    assert training_notes(module) == []


def test_a_program_of_torch_export_has_no_mode_to_set() -> None:
    module = torch.export.export(nn.Sequential(nn.Conv2d(3, 3, 1)).eval(), (torch.zeros(1, 3, 8, 8),)).module()
    prepare(module, CPU)
    assert training_notes(module) == []


def test_frozen_torchscript_has_no_mode_left() -> None:
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        module = torch.jit.freeze(torch.jit.script(layers().eval()))
    assert not any(hasattr(layer, "training") for layer in module.modules())
    prepare(module, CPU)
    assert training_notes(module) == []


def test_layers_in_training_mode_are_named() -> None:
    module = layers()
    prepare(module, CPU)
    module.train()
    [note] = training_notes(module)
    assert note.startswith("has layers in training mode although eval() was called: 1, 2; its forward calls train()")


def test_layers_that_have_no_mode_are_not_named() -> None:
    assert training_notes(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())) == []


@pytest.mark.parametrize(
    ("dtype", "end"),
    [
        (torch.float16, "let the function return module.float(); to compute in float16, set precision: float16"),
        (torch.bfloat16, "to compute in bfloat16, set precision: bfloat16"),
        (torch.float64, "; its weights are float64 and images float32: let the function return module.float()"),
    ],
)
def test_weights_of_another_precision_are_named_with_the_way_out(dtype: torch.dtype, end: str) -> None:
    module = layers().to(dtype)
    with pytest.raises(RuntimeError) as caught:
        module(torch.zeros(1, 3, 4, 4))
    assert precision_hint(module, caught.value).endswith(end)


def test_other_errors_have_no_hint() -> None:
    assert precision_hint(layers().half(), RuntimeError("The size of tensor a must match")) == ""
    assert precision_hint(layers(), RuntimeError("expected scalar type Float but found Half")) == ""
