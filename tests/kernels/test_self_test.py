"""The image that a device's kernel is tried on: right kernels pass, and each miscount is found and named."""

from dataclasses import replace

import numpy as np
import pytest

from reliseg.kernels import reference, self_test
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.bins import ROLES
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.pixels import EXTRAS

LAYOUT = Layout(19, tuple(BUILT_IN_SCORES), by_label=True, sets=True)


class ByDefinition:
    """Counts as the reference does."""

    def __init__(self, layout):
        self._layout = layout

    def observe(self, view, truth, sample):
        self._pixels, row = reference.observe(view, truth, sample, self._layout)
        return row

    def take(self):
        return self._pixels


class Changed(Kernel):
    """Counts, then changes one array."""

    def __init__(self, layout, name, change):
        super().__init__(layout)
        self._name, self._change = name, change

    def _changed(self, found):
        arrays = {name: array.copy() for name, array in found.items()}
        if self._name in arrays:
            self._change(arrays[self._name])
        return arrays

    def observe(self, view, truth, sample, band=slice(None)):
        row = super().observe(view, truth, sample, band)
        return SampleTable.from_arrays(row.ids, self._changed(row.arrays()))

    def take(self):
        return PixelStatistics.from_arrays(self._changed(super().take().arrays()))


def unmoved(logits):
    return logits


@pytest.mark.parametrize("extras", [EXTRAS, ()], ids=len)
@pytest.mark.parametrize("scores", [("msp",), tuple(BUILT_IN_SCORES)], ids=len)
@pytest.mark.parametrize("classes", [1, 2, 3, 19, 150, 253])
def test_the_reference_passes(classes, scores, extras):
    layout = Layout(classes, scores).with_extras(extras)
    assert self_test.failure(ByDefinition(layout), layout, unmoved) is None


def test_the_image_has_every_role_and_class():
    logits, truth = self_test.draw_image(LAYOUT)
    row = Kernel(LAYOUT).observe(self_test.view_of(logits), truth, "a")
    assert row.pixels.shape == (1, ROLES)
    assert row.pixels.min() > 50
    assert set(np.unique(truth)) == {*range(19), 254, 255}
    assert (row.bin_counts > 0).sum() > 10


COUNTS = ("pixels", "uncounted", "confusion", "label_counts", "guess_counts", "class_hits", "coarse")
ON_DEMAND = ("label_coarse", "set_labels", "set_others")


def lose_three_pixels(array):
    array.reshape(-1)[np.argmax(array)] -= 3


def shift(array):
    array[:] = np.roll(array, 1, axis=-1)


def a_little_more(array):
    array[..., 1] += 1 << 21  # an eighth of a unit


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        *((name, lose_three_pixels, name) for name in (*COUNTS, "label_right", "confident")),
        *((name, shift, name) for name in COUNTS),
        ("losses", a_little_more, "losses"),
        ("score_sums", a_little_more, "score_sums"),
        ("label_confidence", lambda a: a.fill(0), "label_confidence"),
        ("guess_confidence", lambda a: a.fill(0), "guess_confidence"),
        ("uncounted_confidence", lambda a: a.fill(0), "uncounted_confidence"),
        ("class_probability", lambda a: a.fill(0), "class_probability"),
        ("class_uncounted", lambda a: a.fill(0), "class_uncounted"),
        ("uncounted.counts", lose_three_pixels, "uncounted.counts"),
        *((name, lose_three_pixels, name) for name in ON_DEMAND),
        *((name, shift, name) for name in ON_DEMAND),
        ("confident.counts", lambda a: a.fill(0), "confident.counts"),
        ("confidence.sums", shift, "confidence.sums"),
        ("classwise.counts", lose_three_pixels, "classwise.counts"),
        ("classwise.hits", lose_three_pixels, "classwise.hits"),
        ("classwise.probability", lambda a: a.fill(0), "classwise.probability"),
    ],
)
def test_a_miscount_is_named(name, change, named):
    found = self_test.failure(Changed(LAYOUT, name, change), LAYOUT, unmoved)
    assert found == f"it miscounts {named} of a drawn image"


def test_a_kernel_that_forgets_the_temperature_is_found():
    class Cold(Kernel):
        def observe(self, view, truth, sample, band=slice(None)):
            return super().observe(replace(view, inverse_temperatures=np.ones(20)), truth, sample, band)

    assert "miscounts" in self_test.failure(Cold(LAYOUT), LAYOUT, unmoved)
