"""Scores from class maps: the definitions', and in the order of the class maps."""

import numpy as np
import pytest
from helpers.mask_queries import drawn

from reliseg.kernels import reference_masks as reference
from reliseg.kernels.rows.mask_scores import MaskScores, measure
from reliseg.kernels.rows.masks import MaskRows, NetworkInput


def both_of(maps):
    out = np.empty((2, *maps.shape[1:]), np.float32)
    measure(maps, *out)
    return out


def test_scores_are_the_definitions_for_any_size_of_maps():
    g = np.random.default_rng(0)
    maps = (10.0 ** g.uniform(-12, 2, (6, 3, 700))).astype(np.float32)
    rba, share = both_of(maps)
    np.testing.assert_allclose(rba, reference.rba(maps.astype(np.float64)), rtol=1e-6)
    np.testing.assert_allclose(share, reference.object_share(maps.astype(np.float64)), rtol=1e-6)


def test_tanh_keeps_its_digits():
    maps = np.zeros((2, 1, 4000), np.float32)
    maps[0, 0] = np.concatenate([np.geomspace(1e-30, 0.1, 2000), np.linspace(0.1, 100, 2000)])
    np.testing.assert_allclose(both_of(maps)[0], np.tanh(maps[0].astype(np.float64)), rtol=3e-7)


def test_a_pixel_that_nothing_claims_is_the_least_sure():
    assert both_of(np.zeros((4, 1, 2), np.float32)).tolist() == [[[0, 0]], [[0, 0]]]


@pytest.mark.parametrize("order", reference.ORDERS)
def test_scores_of_rows_are_those_of_the_class_maps_at_the_image(order):
    z, m = drawn(1, 7, 5, (9, 13))
    sizes = (36, 52), (33, 49), (50, 60)
    rows = MaskRows.of(z, m, order, NetworkInput(*sizes[:2])).brought_to(sizes[2])
    maps = reference.class_maps(m, rows.probabilities, order, sizes)
    scores = MaskScores(rows.with_no_object()).by_name()
    assert list(scores) == ["rba", "no_object"]
    for name, want in (("rba", reference.rba(maps)), ("no_object", reference.object_share(maps))):
        whole = scores[name](slice(None))
        assert whole.dtype == np.float32
        np.testing.assert_allclose(whole, want, rtol=0, atol=2e-6)
        parts = [scores[name](slice(y, y + 7)) for y in range(0, 50, 7)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
