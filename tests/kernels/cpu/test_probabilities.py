"""Probabilities as logits, against float64; and the pixels whose label has probability 0."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.kernel_agreement import assert_agrees
from helpers.kernel_images import ALL, GROUPS, SIZES, view_of

from reliseg.kernels import reference
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.kernels.cpu.probabilities import count_impossible, log_probabilities
from reliseg.stats import Layout
from reliseg.stats.probabilities import LEAST_LOG, LOG_ZERO


def drawn(seed, classes, native, dtype=np.float32):
    """Probabilities with zeros, ties, certain pixels, and numbers below float32's normal ones."""
    g = np.random.default_rng(seed)
    z = g.normal(0, g.choice([0.1, 3, 30], (1, *native)), (classes, *native))
    z[g.random(z.shape) < 0.05] = -95
    z[:, g.random(native) < 0.1] = 1
    p = np.exp(z - z.max(axis=0))
    p[(p < 1) & (g.random(p.shape) < 0.2)] = 0
    return (p / p.sum(axis=0)).astype(dtype)


def labels(seed, classes, size):
    g = np.random.default_rng(seed)
    truth = g.integers(0, classes, size)
    return np.where(g.random(size) < 0.1, 254, np.where(g.random(size) < 0.1, 255, truth)).astype(np.uint8)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SIZES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logarithms_are_those_of_the_reference(native, size, align, dtype):
    p = drawn(0, 5, native, dtype)
    want = reference.log_probabilities(p, size, align)
    got = log_probabilities(p, size, align)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got == np.float32(LOG_ZERO), want == LOG_ZERO)
    # log of a number near 1 is as far off as the number: 3 roundings of an interpolation in each direction
    np.testing.assert_allclose(got, want, rtol=1.5e-7, atol=0 if native == size else 5e-7)


def test_upsampled_probabilities_are_torchs():
    p = drawn(1, 4, (6, 7))
    theirs = torch.nn.functional.interpolate(torch.from_numpy(p).double()[None], size=(24, 21), mode="bilinear")[0]
    # the distance of two doubles, summed in another order
    ours = np.exp(reference.log_probabilities(p, (24, 21), False))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-44)


def test_the_least_numbers():
    p = np.float32([0, -0.0, 2.0**-149, 3 * 2.0**-149, 2.0**-127, 2.0**-126, 2.0**-100, 0.5, 1]).reshape(-1, 1, 1)
    got = log_probabilities(p, (1, 1), False).ravel()
    assert got[:3].tolist() == [LOG_ZERO, LOG_ZERO, LEAST_LOG]
    np.testing.assert_allclose(got[3:], np.log(p.ravel()[3:].astype(np.float64)), rtol=1e-7)
    assert LOG_ZERO < LEAST_LOG == np.float32(np.log(2.0**-149))
    tiny = np.float64([2.0**-150, 1.01 * 2.0**-150, 1e-300, 1e-45]).reshape(-1, 1, 1)  # as float32 reads them
    got = log_probabilities(tiny, (1, 1), False).ravel()
    assert got.tolist() == [LOG_ZERO, LEAST_LOG, LOG_ZERO, LEAST_LOG]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(6, 8), (24, 32)])
def test_networks_that_flush_denormal_numbers_change_nothing(dtype, size):
    p = drawn(2, 5, (6, 8), dtype)
    assert ((p > 0) & (p < 2.0**-126)).any()
    want = log_probabilities(p, size, False)
    torch.set_flush_denormal(True)
    try:
        got = log_probabilities(p, size, False)
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", GROUPS)
def test_statistics_are_the_references(name):
    classes, groups = GROUPS[name]
    p, truth = drawn(3, len(groups), (12, 30)), labels(3, classes, (12, 30))
    logits = log_probabilities(p, truth.shape, False)
    view = replace(view_of(logits, truth.shape, groups=groups, columns=classes + 1), of_probabilities=True)
    layout = Layout(classes, ALL)
    assert_agrees(view, truth, layout)
    kernel = ParallelKernel(layout, 2)
    kernel.observe(view, truth, "a")
    want = reference.observe(view, truth, "a", layout)[0].losses.impossible
    np.testing.assert_array_equal(kernel.take().losses.impossible, want)
    assert kernel.take().losses.impossible.tolist() == [0]


def test_a_label_is_impossible_where_all_that_stands_for_it_is_zero():
    p = np.float32([[0, 0.5, 0, 0], [0, 0.5, 0, 0], [1, 0, 1, 1]]).reshape(3, 1, 4)
    logits = log_probabilities(p, (1, 4), False)
    view = replace(view_of(logits, (1, 4), groups=[0, 0, 1], columns=4), of_probabilities=True)
    truth = np.uint8([[0, 0, 255, 2]])  # class 2 is out of the model's reach, which is another reason
    assert count_impossible(view, truth) == 1
    assert reference.observe(view, truth, "a", Layout(3, ALL))[0].losses.impossible.tolist() == [1]
