"""The definition of mask classification: the formulas of detectron2 and of transformers, in float64."""

import numpy as np
import pytest
import torch
from helpers.mask_queries import class_sum, detectron2_class_maps, drawn, up

from reliseg.kernels import reference_masks as reference
from reliseg.stats.probabilities import LEAST_MAP

SIZES = ((64, 96), (57, 90), (75, 111))


def probabilities(z):
    return torch.from_numpy(z).double().softmax(-1).numpy()


def maps_of(z, m, order, sizes):
    return reference.class_maps(m, probabilities(z), order, sizes)[:-1]


@pytest.mark.parametrize(("order", "before"), [("input", False), ("image", True)])
@pytest.mark.parametrize("image", [(75, 111), (57, 90), (20, 31)])
def test_input_and_image_are_detectron2s_orders(order, before, image):
    z, m = drawn(0, 11, 6, (16, 24))
    sizes = (*SIZES[:2], image)
    want = detectron2_class_maps(torch.from_numpy(z).double(), torch.from_numpy(m).double(), sizes, before)
    np.testing.assert_allclose(maps_of(z, m, order, sizes), want, rtol=1e-12)


def test_the_five_orders_differ():
    z, m = drawn(1, 11, 6, (16, 24))
    maps = [maps_of(z, m, order, SIZES) for order in reference.ORDERS[:4]]
    for i, one in enumerate(maps):
        assert all(abs(one - other).max() > 0.01 for other in maps[:i])
    np.testing.assert_array_equal(maps_of(z, m, "window", SIZES), maps[0])


@pytest.mark.parametrize(("order", "between"), [("native", None), ("384", (384, 384))])
def test_native_and_384_are_transformers_formulas_without_padding(order, between):
    z, m = drawn(2, 11, 6, (16, 24))
    masks = torch.from_numpy(m).double()
    masks = up(masks, between) if between else masks
    want = up(class_sum(torch.from_numpy(z).double(), masks), (75, 111))
    np.testing.assert_allclose(maps_of(z, m, order, ((64, 96), (64, 96), (75, 111))), want, rtol=1e-12)


@pytest.mark.parametrize("order", ["native", "384"])
def test_what_shows_the_image_is_brought_to_it_and_padding_is_not(order):
    """A mask that is linear from left to right: each pixel has the value of its place in the padded input."""
    padded, seen, image = (64, 96), (64, 50), (64, 25)
    across = (np.arange(24) + 0.5) * 4 / 1000  # sigmoids are nearly linear here
    m = np.broadcast_to(across, (1, 16, 24))
    place = (np.arange(25) + 0.5) * 2
    got = reference.class_maps(m, np.float64([[1, 0]]), order, (padded, seen, image))[0]
    np.testing.assert_allclose(
        got[:, 2:], np.broadcast_to(1 / (1 + np.exp(-place / 1000)), got.shape)[:, 2:], rtol=1e-6
    )


def test_the_softmax_of_the_logits_is_the_share_of_each_class_in_the_sum():
    z, m = drawn(3, 11, 6, (16, 24))
    maps = maps_of(z, m, "input", SIZES)
    logits = reference.logits_of_maps(maps)
    np.testing.assert_allclose(torch.from_numpy(logits).softmax(0), maps / maps.sum(axis=0), rtol=1e-12)


def test_logits_are_bounded_below_by_the_least_normal_float32():
    maps = np.float64([0, 1e-300, 2.0**-127, 2.0**-126, 1]).reshape(-1, 1, 1)
    want = np.log([2.0**-126] * 4 + [1])
    np.testing.assert_array_equal(reference.logits_of_maps(maps).ravel(), want)
    assert np.finfo(np.float32).tiny == LEAST_MAP


def test_huge_masks_overflow_nothing():
    m = np.float32([-1e4, 1e4, 0]).reshape(3, 1, 1)
    maps = reference.class_maps(m, np.eye(3), "native", ((1, 1), (1, 1), (1, 1)))
    assert maps.ravel().tolist() == [0, 1, 0.5]


def test_rejected_by_all_is_the_sum_of_tanh_and_no_object_is_left_out():
    maps = np.float64([[0, 0.5, 3], [0, 1.5, 3], [9, 9, 9]])[:, None]
    np.testing.assert_allclose(reference.rba(maps), [[0, np.tanh(0.5) + np.tanh(1.5), 2 * np.tanh(3)]])


def test_the_share_of_the_classes_is_one_minus_that_of_no_object():
    maps = np.float64([[0, 0.5, 3, 0], [0, 0.5, 0, 0], [1, 1, 0, 0]])[:, None]
    np.testing.assert_array_equal(reference.object_share(maps), [[0, 0.5, 1, 0]])
