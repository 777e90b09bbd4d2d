"""Resampled sums against a loop over drawn images, in whole numbers of any size; the same however they are cut."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.worlds import world

from reliseg.stats import SampleTable
from reliseg.stats.fixed import real
from reliseg.stats.resample import draws, resampled
from reliseg.stats.samples import LIMB_COLUMNS

IMAGES = 9


@pytest.fixture(scope="module")
def table() -> SampleTable:
    return world(3, classes=3, pixels=300, images=IMAGES, scores=("msp", "max_logit")).table()


def cut(table: SampleTable, *places: int) -> list[SampleTable]:
    """The rows in runs."""
    bounds = [0, *places, len(table.ids)]
    return [
        SampleTable.from_arrays(table.ids[a:b], {name: column[a:b] for name, column in table.arrays().items()})
        for a, b in pairwise(bounds)
    ]


def whole(name: str, column: np.ndarray) -> np.ndarray:
    """Python's integers; two limbs as the one number they are."""
    numbers = column.astype(object)
    return numbers[..., 0] * 2**32 + numbers[..., 1] if name in LIMB_COLUMNS else numbers


def test_sums_are_those_of_a_loop_over_the_drawn_images(table: SampleTable) -> None:
    found = resampled([table], range(6), seed=5)
    for r in range(6):
        chosen = np.random.default_rng((5, r)).integers(IMAGES, size=IMAGES)
        for name, column in table.arrays().items():
            expected = sum(whole(name, column[i]) for i in chosen)
            assert (whole(name, getattr(found, name)[r]) == expected).all(), name
            if name in LIMB_COLUMNS:
                low = getattr(found, name)[..., 1]
                assert ((low >= 0) & (low < 2**32)).all(), name


def test_any_cut_of_images_and_of_resamples_gives_equal_rows(table: SampleTable) -> None:
    expected = resampled([table], range(20), seed=1)
    assert resampled(cut(table, 1, 4, 4), range(20), seed=1) == expected
    parts = [resampled(cut(table, 6), range(a, b), seed=1) for a, b in ((13, 20), (0, 1), (1, 13))]
    assert SampleTable.union(parts) == expected


def test_each_resample_draws_as_many_images_as_there_are() -> None:
    drawn = draws(50, range(400), seed=0)
    assert (drawn.sum(axis=1) == 50).all()
    assert len({row.tobytes() for row in drawn}) == 400
    assert (draws(50, range(7, 9), seed=0) == drawn[7:9]).all()
    assert (draws(50, range(400), seed=1) != drawn).any()


def test_the_spread_of_resampled_means_is_the_standard_error(table: SampleTable) -> None:
    """In the limit it is that of the mean, the deviation over n; 4,000 resamples know it within some percent."""
    drawn = draws(IMAGES, range(4000), seed=2)
    losses = real(table.losses)[:, 0]
    expected = losses.std() / np.sqrt(IMAGES)
    rows = real(resampled([table], range(4000), seed=2).losses)[:, 0] / IMAGES
    np.testing.assert_allclose(rows, drawn @ losses / IMAGES, rtol=1e-12)
    assert rows.mean() == pytest.approx(losses.mean(), abs=4 * expected / np.sqrt(4000))
    assert rows.std() == pytest.approx(expected, rel=0.05)


def test_one_image_is_drawn_once_in_every_resample(table: SampleTable) -> None:
    one = cut(table, 1)[0]
    found = resampled([one], range(3), seed=0)
    for name, column in one.arrays().items():
        assert (getattr(found, name) == column).all(), name


def test_no_image_and_sums_that_were_not_exact_are_refused(table: SampleTable) -> None:
    with pytest.raises(ValueError, match="no image"):
        resampled([cut(table, 0)[0]], range(3), seed=0)
    huge = SampleTable.from_arrays(table.ids, {**table.arrays(), "pixels": table.pixels + 2**50})
    with pytest.raises(ValueError, match="9 images are too many to resample exactly"):
        resampled([huge], range(3), seed=0)
