import numpy as np
import pytest

from reliseg.demo.world.scenes import CONDITIONS, draw
from reliseg.labels import UNKNOWN, VOID

SEED = 3
HALF = (128, 256)
"""Half the size of the demo: a quarter of the time."""


@pytest.fixture(scope="module")
def twins():
    return {condition: draw(SEED, condition) for condition in CONDITIONS}


@pytest.fixture(scope="module")
def clear_truths():
    return [draw(seed, "clear", size=HALF).truth for seed in range(24)]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_equal_seeds_give_equal_bytes(twins, condition):
    again = draw(SEED, condition)
    assert again.image.tobytes() == twins[condition].image.tobytes()
    assert again.truth.tobytes() == twins[condition].truth.tobytes()
    assert again.depth.tobytes() == twins[condition].depth.tobytes()


@pytest.mark.parametrize("condition", CONDITIONS[1:])
def test_weather_changes_the_picture_and_nothing_else(twins, condition):
    clear, other = twins["clear"], twins[condition]
    np.testing.assert_array_equal(other.truth, clear.truth)
    np.testing.assert_array_equal(other.depth, clear.depth)
    assert np.abs(other.image.astype(int) - clear.image).mean() > 10


def test_other_seeds_give_other_scenes(twins):
    assert (draw(SEED + 1, "clear").truth != twins["clear"].truth).mean() > 0.1


def test_types_and_sizes():
    scene = draw(SEED, "clear", size=(128, 256))
    assert (scene.image.shape, scene.image.dtype) == ((128, 256, 3), np.uint8)
    assert (scene.truth.shape, scene.truth.dtype) == ((128, 256), np.uint8)
    assert (scene.depth.shape, scene.depth.dtype) == ((128, 256), np.float32)


@pytest.mark.slow
def test_all_19_classes_occur_in_several_of_24_scenes(clear_truths):
    occurs = np.zeros(256, int)
    for truth in clear_truths:
        occurs += np.bincount(truth.ravel(), minlength=256) > 7
    assert occurs[:19].min() >= 5
    assert occurs[19:VOID].sum() == 0
    assert 0 < occurs[VOID] < 24


def test_unknown_things_only_when_asked_for(twins):
    with_unknown = draw(SEED, "clear", unknown=True)
    there = with_unknown.truth == UNKNOWN
    assert there.sum() > 200
    assert not (twins["clear"].truth == UNKNOWN).any()
    np.testing.assert_array_equal(with_unknown.truth[~there], twins["clear"].truth[~there])


def test_sky_is_infinitely_far_and_nothing_else_is(twins):
    scene = twins["clear"]
    np.testing.assert_array_equal(np.isinf(scene.depth), scene.truth == 10)
    assert scene.depth.min() > 0.4


def test_road_gets_farther_towards_the_horizon(twins):
    scene = twins["clear"]
    column = scene.depth[:, scene.depth.shape[1] // 2]
    road = column[scene.truth[:, scene.depth.shape[1] // 2] == 0]
    assert len(road) > 40
    assert (np.diff(road) < 0).all()


def test_fog_takes_contrast_with_distance():
    pairs = [(draw(seed, "clear", size=HALF), draw(seed, "fog", size=HALF)) for seed in range(6)]

    def contrast_left(near, far):
        shares = []
        for clear, fog in pairs:
            place = (clear.depth > near) & (clear.depth < far) & np.isin(clear.truth, (2, 8, 13))
            if place.sum() > 50:
                shares.append(fog.image[place].std() / clear.image[place].std())
        return np.mean(shares)

    assert contrast_left(70, 90) < 0.7 * contrast_left(6, 14)


def test_night_is_dark_and_snow_is_bright(twins):
    mean = {condition: scene.image.mean() for condition, scene in twins.items()}
    assert mean["night"] < 0.6 * mean["clear"]
    ground = np.isin(twins["clear"].truth, (0, 1, 9))
    assert twins["snow"].image[ground].mean() > 1.15 * twins["clear"].image[ground].mean()


def test_an_unknown_condition_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="'hail'; there are: clear, fog, night, rain, snow"):
        draw(0, "hail")
