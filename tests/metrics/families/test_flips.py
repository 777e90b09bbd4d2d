"""The share of pixels that a calibration re-decides."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.worlds import view_of

from reliseg.kernels import reference
from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.labels import label_space
from reliseg.metrics.base import DomainState, ImageSummary
from reliseg.metrics.families.flips import FlipRate
from reliseg.stats import Layout

LAYOUT = Layout(11, ("msp",))


def swapped(z):
    """Pixels with an even column-0 sign keep their logits; in the others the first two columns change places."""
    out = z.copy()
    chosen = z[0] > 0
    out[:2, chosen] = z[1::-1, chosen]
    return out


def test_flips_are_counted_over_known_pixels_alike_by_reference_and_blocks():
    random = np.random.default_rng(3)
    logits = random.normal(size=(11, 400)).astype(np.float32)
    truth = random.choice([0, 1, 5, 254, 255], 400).astype(np.uint8)[None]
    view = replace(view_of(logits, range(11), 12), transform=swapped)
    z = logits.astype(np.float64)
    known = truth[0] < 254
    expected = (z.argmax(axis=0) != swapped(z).argmax(axis=0))[known].sum()
    assert 20 < expected < 150
    pixels, row = reference.observe(view, truth, "a", LAYOUT)
    assert pixels.flips.counts == [expected]
    assert transformed.observe(Kernel(LAYOUT), view, truth, "a", 12).flips == [expected]
    state = DomainState(label_space("camvid"), LAYOUT.scores, pixels, ImageSummary.of(row))
    (value,) = FlipRate().compute(state, None)
    assert value.value == pytest.approx(expected / known.sum(), rel=1e-15)


def test_a_temperature_flips_nothing():
    logits = np.random.default_rng(0).normal(size=(11, 50)).astype(np.float32)
    view = replace(view_of(logits, range(11), 12), inverse_temperatures=np.linspace(0.1, 3, 12))
    pixels, _ = reference.observe(view, np.zeros((1, 50), np.uint8), "a", LAYOUT)
    assert pixels.flips.counts == [0]
