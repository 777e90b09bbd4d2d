"""Local temperatures: what training gains, what it leaves alone, and what it promises."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.calibration_samples import pixels_of, two_tone
from helpers.local_temperatures import CHANNELS, image_of, prediction_of, tree_of, whole_image_loss
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.calibration import CalibrationSample, SampledImage, Training, calibrator
from reliseg.calibration.methods.lts import LocalTemperature, ScaledLocally
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError, ConfigError, MissingExtraError
from reliseg.labels import UNKNOWN, VOID, Projection
from reliseg.prediction import sample_pixels

torch = pytest.importorskip("torch")
lts_network = pytest.importorskip("reliseg.calibration.fitting.lts_network")


@pytest.fixture(scope="module")
def sample():
    return two_tone(0, 40)


@pytest.mark.parametrize("inputs", ["both", "image"])
def test_it_closes_half_of_the_gap_to_the_temperatures_that_labels_were_drawn_with(inputs):
    sample, unseen = two_tone(0, 20), two_tone(1, 16)

    def true(prediction):
        factors = np.where(np.arange(24) < 12, 1, 0.4).astype(np.float32)
        return replace(prediction, pixel_factors=np.broadcast_to(factors, prediction.size))

    fitted = LocalTemperature(inputs=inputs, rate=1e-3).fit(sample)
    one, best = whole_image_loss(unseen, Temperature().fit(sample)), whole_image_loss(unseen, true)
    assert one - best > 0.03
    assert whole_image_loss(unseen, fitted) <= (one + best) / 2
    assert fitted.held_out[1] < fitted.held_out[0]
    assert fitted.images == 16
    assert not fitted.notes()
    factors = fitted(unseen.whole[0].prediction).pixel_factors
    assert np.median(factors[:, :8]) > 1.5 * np.median(factors[:, 16:])


def bytes_of(fitted):
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in fitted.parameters().items()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(sample):
    first, again, other = (LocalTemperature(epochs=4, rate=1e-3, seed=s).fit(sample) for s in (1, 1, 2))
    assert len(first.logit_bias)
    assert bytes_of(first) == bytes_of(again)
    assert bytes_of(first) != bytes_of(other)


def test_trained_on_images_from_0_to_1_it_is_another_tree_that_gains_too(sample):
    usual, other = (LocalTemperature(epochs=4, rate=1e-3, image_from=low).fit(sample) for low in (-1, 0))
    assert len(other.image_bias)
    assert bytes_of(usual) != bytes_of(other)
    assert other.held_out[0] == usual.held_out[0]
    assert other.held_out[1] < other.held_out[0]


def test_the_order_of_images_does_not_matter(sample):
    method = LocalTemperature(inputs="image", epochs=3, rate=1e-3)
    turned = replace(sample, whole=sample.whole[::-1])
    assert bytes_of(method.fit(sample)) == bytes_of(method.fit(turned))


def test_the_settings_of_torch_come_back(sample):
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    LocalTemperature(inputs="image", epochs=1).fit(replace(sample, training=Training(threads=3)))
    after = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    assert after == before


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9 has no such setting")
@pytest.mark.parametrize(("library", "precision"), [("cudnn", "tf32"), ("mkldnn", "tf32"), ("mkldnn", "bf16")])
def test_it_trains_in_full_float32_whatever_convolutions_were_to_be_computed_in(sample, library, precision):
    conv = getattr(torch.backends, library).conv
    before, steps = conv.fp32_precision, []
    training = Training(stage=lambda title, n: lambda: steps.append(conv.fp32_precision))
    method = LocalTemperature(epochs=1)
    plain = method.fit(sample)
    conv.fp32_precision = precision
    try:
        fitted = method.fit(replace(sample, training=training))
        assert conv.fp32_precision == precision
    finally:
        conv.fp32_precision = before
    assert steps == ["ieee"] * 8
    assert bytes_of(fitted) == bytes_of(plain)


def test_progress_is_told_step_by_step(sample):
    told = []

    def stage(title, steps):
        told.append((title, steps))
        return lambda: told.append(None)

    LocalTemperature(inputs="image", epochs=2, rate=1e-3).fit(replace(sample, training=Training(stage=stage)))
    assert told == [("training lts", 16), *[None] * 16]


def test_where_nothing_is_gained_it_is_one_temperature_and_says_so(sample):
    """Steps so large that any weights are worse: training ends after three epochs."""
    steps = []
    training = Training(stage=lambda title, n: lambda: steps.append(n))
    fitted = LocalTemperature(inputs="image", rate=1e4).fit(replace(sample, training=training))
    one = Temperature().fit(sample)
    assert fitted.temperature == pytest.approx(one.temperature, rel=1e-12)
    assert fitted.held_out[0] == fitted.held_out[1]
    assert not fitted.needs_image
    assert len(steps) == 30  # the first measure of the held-out images, every ten steps, after 3 x 8 steps
    (note,) = fitted.notes()
    assert "did not lower the loss of the held-out images" in note
    before = prediction_of(0)
    np.testing.assert_array_equal(pixels_of(fitted(before)), pixels_of(one(before)))
    assert LocalTemperature().restore(json.loads(json.dumps(fitted.parameters(), default=np.ndarray.tolist))).notes()


def test_pixels_without_a_label_do_not_count():
    """Void and unknown pixels may hold anything: the weights are the same."""
    method = LocalTemperature(epochs=2, rate=1e-3)
    sample = two_tone(3, 10, void=True)
    assert {UNKNOWN, VOID} <= set(np.unique(sample.whole[0].truth))
    swapped = {UNKNOWN: VOID, VOID: UNKNOWN}
    whole = [
        replace(i, truth=np.where(i.truth < UNKNOWN, i.truth, np.vectorize(lambda v: swapped.get(v, v))(i.truth)))
        for i in sample.whole
    ]
    assert bytes_of(method.fit(sample)) == bytes_of(method.fit(replace(sample, whole=whole)))
    assert len(method.fit(sample).logit_bias)


def projected(sample, groups):
    """The sample, of a model of four classes, in the three classes of a data set."""
    projection = Projection.of(space(4), space(3), groups)
    whole = [
        replace(i, prediction=i.prediction.project(projection), truth=np.where(i.truth < 3, i.truth, VOID))
        for i in sample.whole
    ]
    whole = [replace(i, truth=i.truth.astype(np.uint8)) for i in whole]
    parts = [sample_pixels(i.prediction, i.truth, 100, np.random.default_rng(0)) for i in whole]
    images = [SampledImage(i.id, len(p[1])) for i, p in zip(whole, parts, strict=True)]
    return CalibrationSample(parts, images, whole)


@pytest.mark.parametrize("groups", [(0, 1, 2, -1), (0, 1, 1, -1), (0, 0, 1, 1)], ids=["other", "absent", "no other"])
def test_columns_that_no_class_goes_to_are_left_out(groups):
    sample = projected(two_tone(0, 8), groups)
    fitted = LocalTemperature(epochs=3, rate=1e-3).fit(sample)
    live = sorted({3 if g < 0 else g for g in groups})
    assert fitted.live == tuple(live)
    assert fitted.logit_weights.shape == (8, len(live), 5, 5)
    assert np.isfinite(fitted.logit_weights).all()
    after = fitted(sample.whole[0].prediction)
    assert np.isfinite(after.pixel_factors).all()
    other = prediction_of(0, groups=(2, 1, 0, 0) if live != [0, 1, 2] else (0, 1, 2, -1))
    with pytest.raises(CalibrationError, match="other columns"):
        fitted(other)


@given(seed=st.integers(0, 999), inputs=st.sampled_from(list(CHANNELS)), spread=st.sampled_from([0.01, 0.5, 3.0]))
@settings(max_examples=25, deadline=None)
def test_the_prediction_of_every_pixel_is_kept(seed, inputs, spread):
    tree = tree_of(seed, inputs, 4, spread=spread)
    arrays = (tree.logit_weights, tree.logit_bias, tree.image_weights, tree.image_bias)
    fitted = ScaledLocally(1.0, 5, (0, 1, 2, 3), *arrays, (0.0, 0.0), 1)
    before = prediction_of(seed, size=(9, 14))
    after = fitted(before)
    assert (after.pixel_factors > 0).all()
    assert after.pixel_factors.max() <= 20.0 * (1 + 1e-6)
    np.testing.assert_array_equal(pixels_of(after).argmax(axis=0), pixels_of(before).argmax(axis=0))


# What it refuses


def refused(sample, match, **parameters):
    with pytest.raises(CalibrationError, match=match) as caught:
        LocalTemperature(**parameters).fit(sample)
    assert "\n" not in str(caught.value)


def test_one_image_cannot_be_held_out_and_trained_on(sample):
    refused(replace(sample, whole=sample.whole[:1]), "lts needs at least 2 images with known pixels, .* has 1;")
    refused(replace(sample, whole=()), "to hold one out, and has 0")


def test_images_without_counted_pixels_are_left_out(sample):
    blank = [replace(i, truth=np.full_like(i.truth, VOID)) for i in sample.whole]
    refused(replace(sample, whole=blank), "to hold one out, and has 0;")
    mixed = replace(sample, whole=[*blank[:5], *sample.whole[5:10]])
    assert LocalTemperature(inputs="image", epochs=1).fit(mixed).images == 4


def test_a_split_without_counted_pixels_or_with_equal_logits_is_refused(sample):
    refused(CalibrationSample([], whole=sample.whole), "are void or unknown")
    flat = [(np.ones_like(z), y) for z, y in sample.parts]
    refused(replace(sample, parts=flat), "all equal")


def test_images_are_needed_where_a_leaf_looks_at_them(sample):
    without = replace(sample, whole=[replace(i, prediction=replace(i.prediction, image=None)) for i in sample.whole])
    refused(without, r"a/000: lts: the prediction comes without its image; .*lts\(inputs=logits\)")
    assert not LocalTemperature(inputs="logits").needs_image
    assert LocalTemperature(inputs="image").needs_image
    fitted = LocalTemperature(inputs="logits", epochs=1).fit(without)
    assert not fitted.needs_image
    assert fitted(without.whole[0].prediction).view().size == (16, 24)
    seeing = LocalTemperature(inputs="image", epochs=2, rate=1e-3).fit(sample)
    assert seeing.needs_image
    with pytest.raises(CalibrationError, match="without its image"):
        seeing(without.whole[0].prediction)
    small = replace(sample.whole[0].prediction, image=image_of(0, (8, 12)))
    with pytest.raises(CalibrationError, match="image has height 8, width 12, and the prediction height 16, width 24"):
        seeing(small)


def test_logits_that_cannot_be_counted_are_refused(sample):
    broken = sample.whole[2].prediction.logits.copy()
    broken[0, 0, 0] = np.nan
    image = replace(sample.whole[2], prediction=replace(sample.whole[2].prediction, logits=broken))
    refused(replace(sample, whole=[*sample.whole[:2], image]), "lts: a/002: the model gave NaN")


def test_a_device_that_is_not_there_is_said(sample):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    training = Training(device="cuda:7")
    refused(replace(sample, training=training), "lts: no device 'cuda:7' .*; use cpu or cuda", inputs="image")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lts(inputs=images)", "inputs is 'images'; give both, logits or image"),
        *((f"lts(epochs={v})", "epochs is") for v in ("0", "1.5", "true", "many")),
        *((f"lts(rate={v})", "rate is") for v in ("0", "-1", "nan", "true")),
        *((f"lts(seed={v})", "seed is") for v in ("-1", str(2**32))),
        *((f"lts(image-from={v})", "image_from is") for v in ("1", "false", "0.0", "zero")),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_read(text, said):
    with pytest.raises(ConfigError, match="lts: ") as caught:
        calibrator(text)
    assert said in str(caught.value)


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("reliseg.calibration.methods.lts.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"lts needs torch: pip install 'reliseg\[torch\]'"):
        calibrator("lts")
