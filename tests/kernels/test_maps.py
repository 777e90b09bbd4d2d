"""Maps of pixels hold, to the bit, what the fused kernel counts."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_images import ALL, GROUPS, SIZES, image, mixed, view_of
from helpers.rows import StoredRows
from scipy.special import softmax

from reliseg.kernels import reference
from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.maps import OTHER_ID, PixelMaps, pixel_maps, probability_rows
from reliseg.stats import Layout
from reliseg.stats.bins import RIGHT, ROLES, UNKNOWN, WRONG
from reliseg.stats.built_in_scores import Softmax, fine_bins
from reliseg.stats.fixed import real


def count(view, truth, layout):
    kernel = Kernel(layout)
    if view.transform is None:
        kernel.observe(view, truth, "a")
    else:
        transformed.observe(kernel, view, truth, "a", layout.columns)
    return kernel.statistics()


def assert_counted(view, truth, layout):
    """The tables of the kernel are those of the maps."""
    counted, maps = count(view, truth, layout), pixel_maps(view, layout.scores)
    columns = np.where(maps.classes == OTHER_ID, layout.columns - 1, maps.classes).astype(np.int64)
    ids = truth.astype(np.int64)
    known = ids < UNKNOWN
    confusion = np.zeros((layout.classes, layout.columns), np.int64)
    np.add.at(confusion, (ids[known], columns[known]), 1)
    np.testing.assert_array_equal(counted.top.confusion, confusion)
    role = reference.roles(ids, columns)
    for name in layout.scores:
        ranks = np.zeros((ROLES, fine_bins(name).size), np.int64)
        np.add.at(ranks, (role, maps.bins[name]), 1)
        np.testing.assert_array_equal(counted.ranks[name].counts, ranks)
    return maps


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), SIZES)
def test_maps_hold_what_is_counted_at_any_size(native, size, align):
    logits, truth = image(3, 5, native, size)
    assert_counted(view_of(logits, size, align=align), truth, Layout(5, ALL))


@pytest.mark.parametrize("name", GROUPS)
def test_maps_hold_what_is_counted_in_the_classes_of_a_data_set(name):
    classes, groups = GROUPS[name]
    logits, truth = image(4, classes, (6, 9), (20, 30), model=len(groups))
    view = view_of(logits, (20, 30), groups=groups, columns=classes + 1)
    maps = assert_counted(view, truth, Layout(classes, ALL))
    assert set(np.unique(maps.classes)) <= {*range(classes), OTHER_ID}


def test_maps_hold_what_is_counted_after_any_calibration():
    size, layout = (40, 50), Layout(5, ALL)
    logits, truth = image(5, 5, (10, 13), size)
    view = view_of(logits, size, factors=np.linspace(0.3, 2, 6))
    assert_counted(view, truth, layout)
    own = np.random.default_rng(0).uniform(0.2, 3, size).astype(np.float32)
    assert_counted(replace(view, pixel_factors=own), truth, layout)
    assert_counted(replace(view, transform=mixed), truth, layout)
    assert_counted(replace(view, transform=mixed, pixel_factors=own), truth, layout)


def test_maps_hold_what_is_counted_of_logits_that_are_computed_row_by_row():
    logits, truth = image(6, 5, (33, 21), (33, 21))
    view = replace(view_of(logits, (33, 21)), logits=StoredRows(logits))
    assert_counted(view, truth, Layout(5, ALL))


def test_scores_are_those_of_their_definition():
    logits, _ = image(7, 5, (9, 9), (31, 29))
    view = view_of(logits, (31, 29))
    maps, softmax = pixel_maps(view, ("msp", "neg_entropy")), Softmax.of(reference.full_logits(view, 6))
    np.testing.assert_allclose(maps.scores["msp"].ravel(), 1 / (1 + softmax.odds), atol=2e-6)
    np.testing.assert_allclose(maps.scores["neg_entropy"].ravel(), -softmax.entropy, atol=1e-5)


def test_a_threshold_accepts_the_pixels_that_are_counted_as_accepted():
    logits, truth = image(8, 5, (9, 9), (31, 29))
    view, layout = view_of(logits, (31, 29)), Layout(5, ("msp",))
    maps, ranks = pixel_maps(view), count(view, truth, layout).ranks["msp"].counts
    last = int(np.median(maps.bins["msp"]))
    known = truth < UNKNOWN
    assert maps.accepted("msp", last)[known].sum() == ranks[[WRONG, RIGHT], : last + 1].sum()


def test_the_summed_confidence_is_the_one_that_is_counted():
    logits, truth = image(9, 5, (9, 9), (31, 29))
    view = view_of(logits, (31, 29))
    counted, maps = count(view, truth, Layout(5, ("msp",))), pixel_maps(view)
    total = float(real(counted.top.confidence.reshape(-1, 2).sum(axis=0)))
    assert total == pytest.approx(maps.scores["msp"][truth < UNKNOWN].astype(np.float64).sum(), rel=1e-7)


@pytest.mark.parametrize("name", ["joined", "with other", "unreachable"])
@pytest.mark.parametrize("change", [{}, {"transform": mixed}, {"pixel_factors": True}])
def test_probabilities_are_those_of_the_reference_and_agree_with_the_maps(name, change):
    classes, groups = GROUPS[name]
    logits, _ = image(4, classes, (6, 9), (90, 300), model=len(groups))
    slopes = np.linspace(0.5, 2, classes + 1)
    view = view_of(logits, (90, 300), groups=groups, columns=classes + 1, factors=slopes)
    own = np.random.default_rng(0).uniform(0.2, 3, (90, 300)).astype(np.float32)
    view = replace(view, **{"pixel_factors": own} if "pixel_factors" in change else change)
    p = probability_rows(view)
    z = reference.full_logits(view, classes + 1)
    np.testing.assert_allclose(p.reshape(classes + 1, -1), softmax(z, axis=0), atol=3e-6)
    np.testing.assert_array_equal(probability_rows(view, slice(7, 71)), p[:, 7:71])
    maps = pixel_maps(view)
    np.testing.assert_allclose(p.max(axis=0), maps.scores["msp"], atol=1e-6)
    columns = np.where(maps.classes == OTHER_ID, classes, maps.classes)
    np.testing.assert_array_equal(p.argmax(axis=0), columns)


def test_a_score_that_the_kernel_does_not_know_is_refused():
    logits, _ = image(1, 3, (2, 2), (4, 4))
    with pytest.raises(ValueError, match="no score 'rba'"):
        pixel_maps(view_of(logits, (4, 4)), ("rba",))


def test_maps_of_one_row_and_one_pixel():
    for size in ((1, 40), (1, 1)):
        logits, truth = image(2, 4, (1, 3), size)
        maps = assert_counted(view_of(logits, size), truth, Layout(4, ("msp",)))
        assert isinstance(maps, PixelMaps)
        assert maps.classes.shape == size
