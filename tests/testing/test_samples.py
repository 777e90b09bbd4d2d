"""The samples that calibrators are checked on."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from reliseg.calibration import CalibrationSample, Calibrator
from reliseg.calibration.methods.ts import Temperature
from reliseg.testing import samples


@dataclass(frozen=True)
class Greedy(Temperature):
    """A calibrator that asks for everything."""

    needs_feature: ClassVar[bool] = True
    needs_whole_images: ClassVar[bool] = True
    needs_image: ClassVar[bool] = True


def sample(calibrator: Calibrator, count: int = 4) -> CalibrationSample:
    return samples.sample_for(calibrator, samples.drawn_images(count))


def test_a_calibrator_gets_what_it_asks_for_and_no_more():
    plain, everything = sample(Temperature()), sample(Greedy())
    assert not plain.whole
    assert {i.feature for i in plain.images} == {None}
    assert [len(i.feature) for i in everything.images] == [samples.FEATURE] * 4
    assert [w.id for w in everything.whole] == [i.id for i in everything.images]
    assert all(w.prediction.image.shape == (*samples.SIZE, 3) for w in everything.whole)


def test_pixels_of_a_part_are_those_of_the_whole_image_and_other_is_minus_infinity():
    each = sample(Greedy())
    for (logits, labels), whole in zip(each.parts, each.whole, strict=True):
        np.testing.assert_array_equal(logits[:, :-1].T.reshape(whole.prediction.logits.shape), whole.prediction.logits)
        np.testing.assert_array_equal(labels.reshape(samples.SIZE), whole.truth)
        assert (logits[:, -1] == -np.inf).all()


def test_recut_keeps_all_pixels_in_their_order():
    each = sample(Temperature())
    other = samples.recut(each, 7)
    assert len(other.parts) > len(each.parts)
    for place in (0, 1):
        np.testing.assert_array_equal(*(np.concatenate([part[place] for part in s.parts]) for s in (each, other)))


def test_labels_are_drawn_at_the_temperature_of_each_image():
    for i, image in enumerate(samples.drawn_images(3)):
        calibration = Temperature().fit(samples.sample_for(Temperature(), [image]))
        assert calibration.temperature == pytest.approx(1 + i, rel=0.3)


def test_unusual_images_are_each_odd_in_their_way():
    cases = samples.unusual_images(5)
    assert len(cases["no image"]) == 0
    assert len(cases["one image"]) == 1
    usual = samples.drawn_images(5)
    for case, images in cases.items():
        if len(images) == 5:
            odd = [
                not np.array_equal(getattr(one, field), getattr(other, field), equal_nan=field != "truth")
                for one, other in zip(images, usual, strict=True)
                for field in ("logits", "truth", "feature")
            ]
            assert any(odd), case
    assert all(np.isnan(i.logits).sum() == 1 for i in cases["a logit that is NaN"])
    assert all(np.isneginf(i.logits).sum() == 1 for i in cases["a class that is -inf at some pixels"])
    right = cases["all pixels right"]
    assert all((i.logits.argmax(axis=0) == i.truth).all() for i in right)


def test_images_without_a_feature_stay_so():
    bare = [replace(i, feature=None) for i in samples.drawn_images(2)]
    assert {i.feature for i in samples.sample_for(Greedy(), bare).images} == {None}
