"""How images are shown to a network: what options and defaults make of each other, and where windows lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.errors import ModelError
from reliseg.models import Augmented, FitWithin, ModelOptions, Pad, Slide
from reliseg.models.inference.modes import Inference, View, window_places
from reliseg.models.inference.resizing import Resizing


def options(**given_):
    return ModelOptions(name="net", kind="python", where="net.py:build", **given_)


WINDOWS = Slide((64, 64), (48, 48))


def test_without_options_an_image_is_shown_once_as_it_is():
    plain = Inference.of(options())
    assert plain.is_single
    assert plain == Inference()
    assert plain.facts() == {}
    assert plain.resizing.size_for((30, 40)) == (30, 40)
    assert plain.padded((30, 41)) == (30, 41)
    assert plain.calls((30, 40)) == 1
    assert not plain.averages_probabilities


def test_options_go_before_the_defaults_of_a_model():
    defaults = {"size": FitWithin(200, 100), "resample": 3, "interpolation": "opencv", "slide": WINDOWS, "pad": 32}
    own = Inference.of(options(), **defaults)
    assert (own.resizing.target, own.resizing.resample, own.resizing.interpolation) == (
        FitWithin(200, 100),
        3,
        "opencv",
    )
    assert (own.slide, own.pad) == (WINDOWS, 32)
    other = Slide((8, 8), (8, 8))
    changed = Inference.of(options(resize=(7, 9), interpolation="torch", slide=other, pad=Pad(8)), **defaults)
    assert changed.resizing == Resizing((7, 9), 2, "torch")
    assert (changed.slide, changed.pad) == (other, 8)
    none = Inference.of(options(resize="none", slide="none"), **defaults)
    assert (none.resizing.target, none.slide) == (None, None)


def test_a_size_that_only_some_kinds_know_is_refused():
    with pytest.raises(ModelError, match=r"model net: resize is 'processor'; write \[h, w\]"):
        Inference.of(options(resize="processor"))


def test_passes_are_views_times_dropout_and_windows_are_counted():
    tta = Augmented(flip=True, scales=(1.0, 0.5))
    many = Inference.of(options(tta=tta, mc_dropout=3, slide=WINDOWS, seed=7))
    assert many.views == (View(1.0, False), View(1.0, True), View(0.5, False), View(0.5, True))
    assert many.passes == 12
    assert not many.is_single
    assert many.averages_probabilities
    assert many.calls((112, 160)) == 3 * 2 * (2 * 3 + 1 * 2)
    facts = many.facts()
    assert (facts["mc_dropout"], facts["seed"], len(facts["views"])) == (3, 7, 4)
    whole = Inference.of(options(slide=Slide((64, 64), (48, 48), feature="image")))
    assert whole.calls((64, 64)) == 2
    assert whole.passes == 1


@pytest.mark.parametrize(("average", "is_mean"), [("logits", False), ("probabilities", True)])
def test_windows_of_logits_give_logits(average, is_mean):
    assert Inference.of(options(slide=Slide((8, 8), (8, 8), average))).averages_probabilities is is_mean


def test_a_single_view_at_another_scale_is_said():
    half = Inference.of(options(tta=Augmented(scales=(0.5,))))
    assert not half.is_single
    assert half.passes == 1
    assert half.facts()["views"] == [{"scale": 0.5, "mirrored": False}]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 40), st.data())
def test_windows_cover_the_image_and_none_reaches_over_its_edge(height, width, h, w, data):
    slide = Slide((h, w), (data.draw(st.integers(1, h)), data.draw(st.integers(1, w))))
    covered = np.zeros((height, width), int)
    for rows, columns in window_places((height, width), slide):
        assert (rows.stop - rows.start, columns.stop - columns.start) == (min(h, height), min(w, width))
        assert 0 <= rows.start < rows.stop <= height
        assert 0 <= columns.start < columns.stop <= width
        covered[rows, columns] += 1
    assert covered.min() >= 1


def test_the_windows_of_the_studys_networks():
    places = list(window_places((1025, 2049), Slide((769, 769), (513, 513))))
    assert [(r.start, c.start) for r, c in places] == [(y, x) for y in (0, 256) for x in (0, 513, 1026, 1280)]
