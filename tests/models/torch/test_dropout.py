"""Layers of dropout at work, and all others as they are."""

import pytest
import torch
from torch import nn

from reliseg.models.torch.dropout import dropout_at_work, dropout_layers


def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout2d(0.5), nn.Dropout(0.0), nn.Conv2d(4, 2, 1)
    ).eval()


def test_layers_that_leave_nothing_out_do_not_count():
    assert dropout_layers(network()) == ["2"]
    assert dropout_layers(nn.Conv2d(3, 4, 1)) == []


def test_a_seed_gives_the_same_and_another_seed_something_else():
    module, pixels = network(), torch.ones(1, 3, 5, 6)
    before = module(pixels)

    def run(seed):
        with dropout_at_work(module, seed), torch.inference_mode():
            return module(pixels)

    first = run(1)
    assert torch.equal(first, run(1))
    others = [run(seed) for seed in range(2, 12)]
    assert any(not torch.equal(first, other) for other in others)
    assert torch.equal(module(pixels), before)
    assert not any(layer.training for layer in module.modules())


def test_batch_normalisation_stays_in_evaluation_and_torchs_own_random_numbers_go_on():
    module, pixels = network(), torch.randn(2, 3, 5, 6)
    running = module[1].running_mean.clone()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with dropout_at_work(module, 3):
        module(pixels)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(module[1].running_mean, running)


def test_an_error_leaves_no_hook_behind():
    module = network()
    with pytest.raises(RuntimeError), dropout_at_work(module, 3):
        module(torch.ones(1, 5, 5, 6))
    assert not any(layer.training for layer in module.modules())
    assert not module[2]._forward_hooks
    assert not module[2]._forward_pre_hooks
