"""Predictor, head and run give the same numbers, with every method."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.deployed import METHODS, SPLIT, Deployed, deploy
from helpers.saved_maps import accepted_numbers, nll_of
from PIL import Image

import reliseg
from reliseg.calibration import CALIBRATORS, calibrator, canonical_text
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.deploy.predictor import Predictor
from reliseg.deploy.result import CalibratedImage
from reliseg.kernels.maps import pixel_maps
from reliseg.labels import UNKNOWN
from reliseg.models import Input

NAMES = ["identity", *(f"{canonical_text(method)}@{SPLIT}" for method in METHODS)]
HEAD, ROUNDING = 1e-4, 4e-6
"""Of calibrated confidences, and of those before, that float32 gives where sums have another order."""


@dataclass(frozen=True)
class Case:
    """A calibration at work on the images of the run."""

    deployed: Deployed
    name: str
    predictor: Predictor
    results: list[CalibratedImage]
    truths: list[np.ndarray]

    def row(self, metric: str):
        rows = self.deployed.results.where(metric=metric, domain="day", calibration=self.name)
        (row,) = (row for row in rows if not row.class_)
        return row


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return deploy(tmp_path_factory.mktemp("deployed"))


@pytest.fixture(params=NAMES, scope="module")
def case(deployed: Deployed, request: pytest.FixtureRequest) -> Case:
    predictor = reliseg.load_predictor(deployed.run, calibration=request.param)
    images = deployed.images()
    return Case(deployed, request.param, predictor, predictor(images), [deployed.truth(i) for i in images])


def test_every_method_that_ships_is_among_these() -> None:
    shipped = {type(CALIBRATORS.get(name)()) for name in CALIBRATORS.shipped_names()}
    assert {type(calibrator(name.partition("@")[0])) for name in NAMES} == shipped


@pytest.mark.slow
def test_numbers_of_the_predictor_are_those_of_the_run(case: Case) -> None:
    known = [truth < UNKNOWN for truth in case.truths]

    def joined(maps):
        return np.concatenate([m[k] for m, k in zip(maps, known, strict=True)])

    guess, label = joined([r.classes for r in case.results]), joined(case.truths)
    confidence = joined([r.confidence for r in case.results]).astype(np.float64)
    index = np.clip(np.searchsorted(np.arange(16) / 15, confidence, side="left") - 1, 0, 14)
    gap = np.bincount(index, (guess == label) - confidence, minlength=15)
    ece = case.row("ece")
    assert ece.lo - 1e-7 <= np.abs(gap).sum() / len(label) <= ece.hi + 1e-7  # edges may round to either side
    assert (guess == label).mean() == pytest.approx(case.row("pixel_accuracy").value, abs=1e-12)
    probabilities = [np.moveaxis(r.probabilities(), 0, 2) for r in case.results]
    assert nll_of(probabilities, case.truths) == pytest.approx(case.row("nll").value, abs=1e-6)


@pytest.mark.slow
def test_pixels_are_accepted_as_the_run_has_counted_them(case: Case) -> None:
    risk, coverage = case.row("transfer_risk95"), case.row("transfer_coverage95")
    if case.predictor.acceptance.last is None:
        assert risk.why == case.predictor.acceptance.why
        return
    classes, accepted = [r.classes for r in case.results], [r.accepted for r in case.results]
    found = accepted_numbers(classes, accepted, case.truths)
    assert found == pytest.approx((risk.value, coverage.value), abs=1e-12)
    assert case.predictor.acceptance.split == SPLIT
    for result in case.results:
        least = np.float32(case.predictor.acceptance.confidence)
        assert (result.accepted == (result.confidence >= least))[abs(result.confidence - least) > 1e-6].all()


def rounding_of(predictor: Predictor, prediction) -> tuple[float, np.ndarray]:
    """What float32 may do to confidences: a line of confidences multiplies rounding by its slope, and one of steps may
    be read on either side of an edge by pixels that are that near to it, which do not count.
    """
    confidence, calibration = pixel_maps(prediction.view()).scores["msp"], predictor.calibration
    if not isinstance(calibration, Binned | Monotone):
        return HEAD, np.ones(confidence.shape, bool)
    ends, _, _, slopes = calibration.line()
    return HEAD + ROUNDING * slopes.max(), (abs(confidence[..., None] - ends) > ROUNDING).all(axis=-1)


@pytest.mark.slow
def test_the_head_gives_what_the_predictor_gives(case: Case) -> None:
    pixels = [np.asarray(Image.open(image).convert("RGB")) for image in case.deployed.images()]
    sources = [Input(str(i), p.shape[:2], p) for i, p in enumerate(pixels)]
    predictions = case.predictor.model.predict(sources)
    output = case.predictor.head()(
        torch.tensor(np.stack([np.asarray(p.logits) for p in predictions])),
        size=pixels[0].shape[:2],
        feature=torch.tensor(np.stack([p.feature for p in predictions])),
        image=torch.tensor(np.stack(pixels)).permute(0, 3, 1, 2),
    )
    for i, result in enumerate(case.results):
        np.testing.assert_array_equal(output.classes[i].numpy(), result.classes)
        tolerance, decided = rounding_of(case.predictor, predictions[i].project(case.predictor.projection))
        got = output.confidence[i].numpy()
        np.testing.assert_allclose(got[decided], result.confidence[decided], atol=tolerance, rtol=0)
        if case.predictor.acceptance.last is not None:
            least = case.predictor.acceptance.confidence
            apart = decided & (abs(result.confidence - least) > tolerance)
            np.testing.assert_array_equal(output.accepted[i].numpy()[apart], result.accepted[apart])
        else:
            assert output.accepted is None


@pytest.mark.slow
def test_the_layer_of_the_feature_is_named_for_loops_of_one_s_own(deployed: Deployed) -> None:
    assert reliseg.load_predictor(deployed.run, calibration=f"ts@{SPLIT}").feature_layer == "deep"


@pytest.mark.slow
def test_lts_and_clusters_do_more_than_one_temperature(deployed: Deployed) -> None:
    """Or the comparisons above would compare `ts` with itself."""
    image = deployed.images()[0]
    for method in ("lts(epochs=10,rate=0.01)", "lts(epochs=10,inputs=image,rate=0.01)", "selective(weight=4.0)"):
        result = reliseg.load_predictor(deployed.run, calibration=f"{canonical_text(method)}@{SPLIT}")(image)
        assert np.ptp(result.prediction.pixel_factors) > 1e-3
    record = reliseg.load_predictor(deployed.run, calibration=f"cluster_ts(k=2,seed=42)@{SPLIT}").record
    assert np.ptp(record.calibration.temperatures) > 1e-3


@pytest.mark.slow
def test_identity_takes_the_threshold_of_the_only_split(deployed: Deployed, tmp_path: Path) -> None:
    named = reliseg.load_predictor(deployed.run, calibration=f"identity@{SPLIT}").acceptance
    assert reliseg.load_predictor(deployed.run, calibration="identity").acceptance == named
