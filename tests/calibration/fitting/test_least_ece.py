"""`ts(objective=ece)` against every temperature of the grid, and the bounds that spare it most of them."""

import numpy as np
import pytest
from helpers.calibration_samples import nll, random_part, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from reliseg.calibration import CalibrationSample, calibrator, canonical_text
from reliseg.calibration.fitting.least_ece import TEMPERATURES, TIE, evaluate_grid, fit_least_ece
from reliseg.calibration.methods.ts import Scaled, Temperature
from reliseg.errors import CalibrationError, ConfigError

GRID = [(50 + i) / 100 for i in range(950)]


def ece(sample, temperature):
    """By the definition: 15 bins (l, r], the first closed, told by comparing with the edges k / 15."""
    z, labels = (np.concatenate([part[i] for part in sample.parts]) for i in (0, 1))
    p = softmax(z.astype(np.float64) / temperature, axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    total = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        total += abs(confidence[inside].sum() - right[inside].sum())
    return total / len(labels)


def all_of_them(sample):
    return np.array([ece(sample, t) for t in GRID])


def rounded(part):
    """Whole logits: ties at the top, confidences alike, some at edges."""
    z, labels = part
    return np.round(z), labels


SAMPLES = {
    "sharp": [random_part(0, pixels=700, temperature=0.9)],
    "blunt": [random_part(1, pixels=700, temperature=4.0, classes=6, empty_column=True)],
    "images": [random_part(i, pixels=97, temperature=1.7, classes=19, empty_column=True) for i in range(5)],
    "below the grid": [random_part(2, pixels=500, temperature=0.3)],
    "above the grid": [random_part(3, pixels=500, temperature=15.0)],
    "flat": [random_part(4, pixels=500, spread=0.05)],
    "ties": [rounded(random_part(5, pixels=600, spread=1.5))],
    "a single pixel": [random_part(6, pixels=1)],
    "nearly a whole tile": [random_part(7, pixels=255)],
    "extreme": [random_part(8, pixels=300, spread=3000.0)],
    "worse than chance": [(np.array([[5.0, 0.0, -5.0]] * 20), [2] * 20)],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_the_best_of_the_whole_grid_and_the_smallest_of_equal_ones(name):
    sample = sample_of(*SAMPLES[name])
    errors = all_of_them(sample)
    expected = GRID[int(np.flatnonzero(errors <= errors.min() + TIE)[0])]
    assert calibrator("ts(objective=ece)").fit(sample) == Scaled(expected, "ece")


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_every_ece_is_the_definitions_and_no_bound_is_above_one(name):
    sample = sample_of(*SAMPLES[name])
    errors = all_of_them(sample)
    np.testing.assert_allclose(evaluate_grid(sample.blocks, len(sample), TEMPERATURES).ece, errors, atol=1e-13)
    for step in (3, 32, 949):
        points = np.append(np.arange(0, 949, step), 949)
        between = evaluate_grid(sample.blocks, len(sample), TEMPERATURES[points]).between
        for low, high, least in zip(points[:-1], points[1:], between, strict=True):
            assert least <= errors[low : high + 1].min() + TIE


@given(
    seed=st.integers(0, 9999),
    temperature=st.floats(0.3, 12),
    spread=st.sampled_from([0.3, 2.0, 10.0]),
    pixels=st.integers(1, 60),
)
@settings(max_examples=12, deadline=None)
def test_it_is_the_best_of_the_whole_grid_on_any_sample(seed, temperature, spread, pixels):
    sample = sample_of(random_part(seed, temperature=temperature, spread=spread, pixels=pixels))
    if sample.is_constant():
        return
    errors = all_of_them(sample)
    assert fit_least_ece(sample) == GRID[int(np.flatnonzero(errors <= errors.min() + TIE)[0])]


def test_most_of_the_grid_is_spared(monkeypatch):
    sample = sample_of(random_part(0, pixels=20_000, temperature=1.7, classes=19))
    tried = []

    def counted(blocks, pixels, temperatures, threads):
        tried.extend(temperatures)
        return evaluate_grid(blocks, pixels, temperatures, threads)

    monkeypatch.setattr("reliseg.calibration.fitting.least_ece.evaluate_grid", counted)
    fit_least_ece(sample)
    assert 31 <= len(tried) < 150


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_likelihoods_temperature_is_the_best_of_the_same_grid_but_for_its_step(temperature):
    sample = sample_of(random_part(3, temperature=temperature, pixels=500))
    best = GRID[int(np.argmin([nll(sample, t) for t in GRID]))]
    assert Temperature().fit(sample).temperature == pytest.approx(best, abs=0.01)


def test_the_end_of_the_grid_is_said_and_nothing_else():
    low = calibrator("ts(objective=ece)").fit(sample_of(*SAMPLES["below the grid"]))
    high = calibrator("ts(objective=ece)").fit(sample_of(*SAMPLES["above the grid"]))
    assert (low.temperature, high.temperature) == (0.5, 9.99)
    for fitted in (low, high):
        [note] = fitted.notes()
        assert f"at the end of its range, {fitted.temperature}" in note
    assert Scaled(0.51, "ece").notes() == Scaled(0.5).notes() == Scaled(9.99).notes() == []


def test_neither_the_order_of_images_nor_parts_matter():
    parts = SAMPLES["images"]
    assert fit_least_ece(sample_of(*parts)) == fit_least_ece(sample_of(*parts[::-1]))
    whole = tuple(np.concatenate([part[i] for part in parts]) for i in (0, 1))
    assert fit_least_ece(sample_of(whole)) == fit_least_ece(sample_of(*parts))


def test_how_it_is_written():
    assert calibrator("ts(objective=nll)") == calibrator("ts") == Temperature()
    assert canonical_text("ts( objective = ECE )".lower()) == "ts(objective=ece)"
    assert canonical_text("ts(objective=nll)") == "ts"
    for value in ("mce", "1", "true", "null", "[1]"):
        with pytest.raises(ConfigError, match=r"objective is .*; give nll or ece"):
            calibrator(f"ts(objective={value})")
    assert Temperature("ece").restore({"temperature": 2.0, "objective": "ece"}) == Scaled(2.0, "ece")
    assert Temperature().restore({"temperature": 2.0}) == Scaled(2.0)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Temperature("ece").fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        Temperature("ece").fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
