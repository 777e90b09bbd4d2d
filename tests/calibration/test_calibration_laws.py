"""What holds of every method: its own sample, the order of images, bad input, the stride it is applied at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.calibration_samples import ideal_part, pixels_of, prediction_of, random_part, sample_of, with_whole_images
from PIL import Image as Pillow
from scipy.special import log_softmax

from reliseg.calibration import CALIBRATORS, CalibrationSample, SampledImage, calibrator
from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.errors import CalibrationError
from reliseg.kernels import reference
from reliseg.labels import default_projection, label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.kinds.python import PythonModel
from reliseg.prediction import Prediction, sample_pixels
from reliseg.testing import check_calibrator

ROOT = Path(__file__).parents[2]
BY_LIKELIHOOD = (
    *("ts", "class_ts", "cluster_ts(k=2)", "cluster_ts(k=2,per_class=true)", "cluster_ts(k=all)"),
    *("vector", "dirichlet", "ensemble_ts", "cms", "cms_ap", "cms_op"),
)
"""Those that minimise the negative log-likelihood."""
BY_PIXELS = (*BY_LIKELIHOOD, "ts(objective=ece)", "histogram", "histogram(equal=count)", "isotonic")
"""All that learn from sampled pixels."""
EVERY = (
    *(*BY_PIXELS, "cluster_ts(k=2,clusters=mixture)", "cluster_ts(k=2,soft=true)", "identity"),
    *("lts(epochs=1)", "lts(epochs=1,inputs=logits)", "selective(scale_right=true)"),
)
STOPPED = ("vector", "dirichlet", "ensemble_ts", "cms", "cms_ap", "cms_op")
"""Those whose parameters hang on where an optimiser of many of them stops."""


def drawn(*, images=6, pixels=400, classes=4, **options):
    """Images with temperatures of their own, and features in two clear clusters."""
    sample = sample_of(
        *(
            random_part(i, pixels=pixels, classes=classes, temperature=1 + i % 3, empty_column=True, **options)
            for i in range(images)
        )
    )
    features = [(1.0, 0.01 * i) if i % 2 else (0.01 * i, 1.0) for i in range(images)]
    return CalibrationSample(
        sample.parts, [replace(i, feature=f) for i, f in zip(sample.images, features, strict=True)]
    )


def scores(calibration, logits, image):
    """Calibrated logits of an image whose pixels stand in one row; logits are those of the sample."""
    planes = np.ascontiguousarray(logits[:, :-1].T)[:, None]
    feature = None if image.feature is None else np.array(image.feature, np.float32)
    prediction = Prediction(planes, (1, len(logits)), feature=feature)
    return reference.full_logits(calibration(prediction).view(), prediction.columns)


def loss(sample, calibration):
    total = 0.0
    for (z, labels), image in zip(sample.parts, sample.images, strict=True):
        total -= log_softmax(scores(calibration, z, image), axis=0)[labels, np.arange(len(labels))].sum()
    return total / len(sample)


def test_every_method_is_covered():
    assert {method.partition("(")[0] for method in EVERY} == set(CALIBRATORS.names())


@pytest.mark.slow
@pytest.mark.parametrize("method", EVERY)
def test_it_obeys_the_laws_of_calibrators(method):
    check_calibrator(calibrator(method), images=4)


@pytest.mark.slow
@pytest.mark.parametrize("method", BY_LIKELIHOOD)
@pytest.mark.parametrize("temperature", [0.4, 1.0, 6.0])
def test_the_likelihood_loss_of_its_own_sample_does_not_rise(method, temperature):
    sample = sample_of(*(random_part(i, temperature=temperature, empty_column=True) for i in range(4)))
    assert loss(sample, calibrator(method).fit(sample)) <= loss(sample, calibrator("identity").fit(sample)) + 1e-12


@pytest.fixture(scope="module")
def street(real_data):
    """Pixels of four frames of a real street, as a real network sees them."""
    cityscapes, camvid = label_space("cityscapes"), label_space("camvid")
    model = PythonModel.load(
        ModelOptions(
            name="edanet",
            kind="python",
            where="own_model/edanet.py:build",
            labels=cityscapes,
            weights=real_data / "weights" / "edanet_cityscapes.pth",
            align_corners=True,
            folder=ROOT / "examples",
            threads=1,
        )
    )
    parts, images = [], []
    for path in sorted((real_data / "camvid" / "val").glob("*.png"))[:16:4]:
        pixels = np.asarray(Pillow.open(path).convert("RGB"))
        [prediction] = model.predict([Input(path.stem, pixels.shape[:2], pixels)])
        truth = np.asarray(Pillow.open(real_data / "camvid" / "valannot" / path.name))
        truth = np.where(truth < 11, truth, 255).astype(np.uint8)
        projected = prediction.project(default_projection(cityscapes, camvid))
        parts.append(sample_pixels(projected, truth, 3000, np.random.default_rng(0)))
        images.append(SampledImage(path.stem, len(parts[-1][1]), tuple(prediction.feature.astype(float).tolist())))
    return CalibrationSample(parts, images)


@pytest.mark.slow
@pytest.mark.parametrize("method", BY_LIKELIHOOD)
def test_the_likelihood_loss_of_a_real_sample_falls(method, street):
    before = loss(street, calibrator("identity").fit(street))
    assert loss(street, calibrator(method).fit(street)) < before - 0.01


@pytest.mark.slow
@pytest.mark.parametrize("method", BY_PIXELS)
def test_the_order_of_images_does_not_matter(method):
    sample = drawn()
    first = calibrator(method).fit(sample)
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 3, 1, 4]):
        other = CalibrationSample([sample.parts[i] for i in order], [sample.images[i] for i in order])
        again = calibrator(method).fit(other)
        for (z, _), image in zip(sample.parts, sample.images, strict=True):
            once, twice = (np.exp(log_softmax(scores(c, z, image), axis=0)) for c in (first, again))
            np.testing.assert_allclose(twice, once, atol=1e-4 if method in STOPPED else 1e-9)


@pytest.mark.parametrize("spread", [0.5, 2.0])
@pytest.mark.parametrize("temperature", [0.6, 1.7, 5.0])
def test_a_known_temperature_is_found(temperature, spread):
    z, labels = ideal_part(0, lambda top: np.full(len(top), temperature))
    fitted = calibrator("ts").fit(sample_of((z * np.float32(spread), labels)))
    assert fitted.temperature == pytest.approx(temperature * spread, rel=0.005)  # shares are rounded to 1/2000


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    "fitted",
    [
        Scaled(1.7),
        ScaledVector((0.5, 2.0, -1.0, 0.8, 1.0), (0.0, 1.0, -3.0, 2.0, 0.0)),
        # log p is not affine in logits; W log p is, but for what is added to all, where rows of W add up to the same
        DirichletMap(
            (
                *((0.4, 0.1, 0.0, 0.0, 0.0), (0.0, 0.4, 0.1, 0.0, 0.0), (0.0, 0.0, 0.4, 0.1, 0.0)),
                *((0.1, 0.0, 0.0, 0.4, 0.0), (0.0, 0.0, 0.0, 0.0, 0.5)),
            ),
            (0.0, 1.0, -1.0, 0.5, 0.0),
        ),
    ],
    ids=lambda f: type(f).__name__,
)
def test_affine_methods_may_be_applied_at_native_stride(fitted, align_corners):
    logits = np.random.default_rng(0).normal(0, 5, (4, 5, 7)).astype(np.float32)
    before = Prediction(logits, (37, 50), align_corners)
    if isinstance(fitted, Scaled):
        native = logits / np.float32(fitted.temperature)
    else:
        columns = np.concatenate([logits.reshape(4, -1).astype(np.float64), np.full((1, 35), -np.inf)])
        native = fitted.transform(columns)[:4].reshape(logits.shape).astype(np.float32)
    at_native = reference.full_logits(replace(before, logits=native).view(), 5)
    at_full = reference.full_logits(fitted(before).view(), 5)
    np.testing.assert_allclose(np.exp(log_softmax(at_native, axis=0)), np.exp(log_softmax(at_full, axis=0)), atol=1e-5)


def test_others_are_applied_at_full_size_because_it_matters():
    logits = np.random.default_rng(0).normal(0, 5, (4, 5, 7)).astype(np.float32)
    before = Prediction(logits, (37, 50))
    fitted = DirichletMap(tuple(map(tuple, np.diag([0.2, 0.5, 1.0, 2.0, 1.0]))), (0.0,) * 5)
    columns = np.concatenate([logits.reshape(4, -1).astype(np.float64), np.full((1, 35), -np.inf)])
    native = fitted.transform(columns)[:4].reshape(logits.shape).astype(np.float32)
    at_native = log_softmax(reference.full_logits(replace(before, logits=native).view(), 5), axis=0)
    at_full = log_softmax(reference.full_logits(fitted(before).view(), 5), axis=0)
    assert np.abs(np.exp(at_native) - np.exp(at_full)).max() > 0.05


def usable(calibration, sample):
    """Whether what it makes of the sample is finite, with every pixel's probabilities."""
    for (z, _), image in zip(sample.parts, sample.images, strict=True):
        found = scores(calibration, z, image)
        assert np.isfinite(found[:-1]).all()
        assert (found[-1] == -np.inf).all()
    return True


@pytest.mark.parametrize("method", BY_PIXELS)
def test_a_class_that_is_not_in_the_split_is_no_obstacle(method):
    parts = [(z[y != 2], y[y != 2]) for z, y in drawn().parts]
    assert usable(calibrator(method).fit(sample_of(*parts)), drawn())


@pytest.mark.parametrize("method", BY_PIXELS)
def test_a_split_of_one_image_is_fitted_or_refused(method):
    sample = drawn(images=1)
    if "k=2" in method:
        with pytest.raises(CalibrationError, match="2 clusters, but only 1 image; give k=1 or less"):
            calibrator(method).fit(sample)
    else:
        assert usable(calibrator(method).fit(sample), sample)


@pytest.mark.parametrize("method", BY_PIXELS)
def test_features_of_zeros_are_no_obstacle(method):
    sample = drawn()
    sample = CalibrationSample(sample.parts, [replace(i, feature=(0.0, 0.0)) for i in sample.images])
    assert usable(calibrator(method).fit(sample), sample)


def spoilt(value, *, pixels=slice(3, 4), column=1):
    z, labels = drawn(images=1).parts[0]
    z = z.copy()
    z[pixels, column] = value
    return z, labels


BAD = {
    "no image at all": ([], "are void or unknown"),
    "all void": ([(np.zeros((0, 5)), [])] * 2, "are void or unknown"),
    "all logits equal": ([(np.ones((4, 5)), [0, 1, 2, 0])] * 2, "all equal"),
    "a NaN": ([spoilt(np.nan)] * 2, "NaN or infinite"),
    "a column of NaN": ([spoilt(np.nan, pixels=slice(None))] * 2, "NaN or infinite"),
    "an infinite logit": ([spoilt(np.inf)] * 2, "NaN or infinite"),
    "a class that comes and goes": (
        [spoilt(-np.inf)] * 2,
        "-inf at some pixels and finite ones at others, in columns 1;",
    ),
    "labels beyond the columns": ([(spoilt(0.0)[0], np.full(400, 5))] * 2, "labels that no column with finite logits"),
    "labels that no column can be": (
        [(spoilt(0.0)[0], np.full(400, 4))] * 2,
        "labels that no column with finite logits",
    ),
}


@pytest.mark.parametrize("method", BY_PIXELS)
def test_a_sample_of_fewer_images_than_a_method_says_it_needs_is_refused(method):
    least = calibrator(method).least_images
    assert least >= 1
    if least > 1:
        with pytest.raises(CalibrationError, match=rf"\b{least - 1} (whole )?images?\b"):
            calibrator(method).fit(drawn(images=least - 1))


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("method", BY_PIXELS)
def test_what_cannot_be_fitted_is_refused_in_one_line(method, case):
    parts, said = BAD[case]
    with pytest.raises(CalibrationError, match=said) as caught:
        calibrator(method).fit(sample_of(*parts))
    assert str(caught.value).startswith(f"{method.partition('(')[0]}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", BY_PIXELS)
def test_on_another_number_of_classes_it_is_refused_where_it_means_classes(method):
    sample = drawn()
    fitted = calibrator(method).fit(sample)
    other = Prediction(np.ones((7, 2, 2), np.float32), (2, 2), feature=np.array([1.0, 2.0], np.float32))
    if method.startswith(("class", "vector", "dirichlet", "cms")) or "per_class" in method:
        with pytest.raises(CalibrationError, match=r"fitted on 5 columns .*, the prediction has 8"):
            fitted(other)
    else:  # a temperature, or a confidence for a confidence: of any number of classes
        assert np.isfinite(reference.full_logits(fitted(other).view(), 8)[:7]).all()


@pytest.mark.parametrize("name", CALIBRATORS.names())
def test_every_calibrator_restores_what_it_fitted(name):
    method = CALIBRATORS.get(name)()
    sample = with_whole_images(sample_of(*(random_part(i, pixels=60, empty_column=True) for i in range(10))))
    fitted = method.fit(sample)
    np.testing.assert_equal(method.restore(fitted.parameters()).parameters(), fitted.parameters())
    if type(fitted).keeps_argmax:
        for seed in range(5):
            image = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
            before = replace(prediction_of(seed), feature=np.array([1, seed], np.float32), image=image)
            np.testing.assert_array_equal(pixels_of(fitted(before)).argmax(axis=0), pixels_of(before).argmax(axis=0))
