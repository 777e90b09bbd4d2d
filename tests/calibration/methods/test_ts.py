"""Temperature scaling against a search of the whole range, and what it promises about predictions."""

import math

import numpy as np
import pytest
from helpers.calibration_samples import nll, pixels_of, prediction_of, random_part, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.calibration import CalibrationSample
from reliseg.calibration.fitting.inverse_temperature import HIGHEST, LOWEST
from reliseg.calibration.methods.ts import Scaled, Temperature
from reliseg.errors import CalibrationError


def searched(sample):
    """The best of a grid of log T, then of finer ones around it, to 2e-5."""
    low, high = math.log(LOWEST), math.log(HIGHEST)
    while high - low > 2e-5:
        grid = np.linspace(low, high, 41)
        best = int(np.argmin([nll(sample, math.exp(t)) for t in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 40)]
    return math.exp((low + high) / 2)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.5, 9.0])
@pytest.mark.parametrize("empty_column", [False, True])
def test_it_is_the_best_of_all_temperatures(temperature, empty_column):
    sample = sample_of(random_part(3, temperature=temperature, empty_column=empty_column))
    assert Temperature().fit(sample).temperature == pytest.approx(searched(sample), rel=1e-4)


def test_the_temperature_that_labels_were_drawn_with_is_found():
    fitted = Temperature().fit(sample_of(random_part(0, pixels=20_000, temperature=1.7)))
    # the estimate's own deviation is 0.02 here
    assert fitted.temperature == pytest.approx(1.7, abs=0.08)


@given(seed=st.integers(0, 999), temperature=st.floats(0.1, 15), spread=st.sampled_from([0.1, 3.0, 30.0]))
@settings(max_examples=25, deadline=None)
def test_it_never_raises_the_likelihood_loss_of_its_own_sample(seed, temperature, spread):
    sample = sample_of(random_part(seed, pixels=50, temperature=temperature, spread=spread))
    fitted = Temperature().fit(sample).temperature
    assert LOWEST <= fitted <= HIGHEST
    for other in (1.0, LOWEST, HIGHEST, fitted * 1.01, fitted / 1.01):
        if LOWEST <= other <= HIGHEST:
            assert nll(sample, fitted) <= nll(sample, other) + 1e-12


@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 200), max_size=4))
@settings(max_examples=15, deadline=None)
def test_order_and_parts_of_the_sample_do_not_matter(seed, cuts):
    z, labels = random_part(seed, pixels=200)
    order = np.random.default_rng(seed).permutation(200)
    parts = [(z[i], labels[i]) for i in np.split(order, sorted(cuts))]
    once, again = (Temperature().fit(s).temperature for s in (sample_of((z, labels)), sample_of(*parts)))
    # sums of 200 numbers in another order, and a root that is searched to 1e-9
    assert again == pytest.approx(once, rel=1e-8)


@pytest.mark.parametrize("gap", [1.0, 20.0, 2000.0])
def test_a_sample_that_is_all_right_goes_to_the_lower_bound(gap):
    z = np.array([[gap, 0.0, -1.0]] * 5)
    assert Temperature().fit(sample_of((z, [0] * 5))).temperature == LOWEST


@pytest.mark.parametrize("gap", [1.0, 20.0, 2000.0])
def test_a_sample_that_is_worse_than_chance_goes_to_the_upper_bound(gap):
    z = np.array([[gap, 0.0, -gap]] * 5)
    assert Temperature().fit(sample_of((z, [2] * 5))).temperature == HIGHEST


def test_an_optimum_beyond_a_bound_gives_the_bound():
    assert Temperature().fit(sample_of(random_part(1, temperature=60.0, pixels=2000))).temperature == HIGHEST


def test_logits_that_say_nothing_are_an_error_and_no_silent_temperature():
    with pytest.raises(CalibrationError, match="all equal"):
        Temperature().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))


def test_nothing_to_fit_on_is_an_error():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Temperature().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Temperature().fit(sample_of((np.zeros((0, 3)), [])))


@given(seed=st.integers(0, 999), temperature=st.floats(LOWEST, HIGHEST))
@settings(max_examples=30, deadline=None)
def test_scaling_divides_logits_and_keeps_the_argmax_of_every_pixel(seed, temperature):
    before = prediction_of(seed)
    after = Scaled(temperature)(before)
    z, scaled = pixels_of(before), pixels_of(after)
    np.testing.assert_array_equal(scaled.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_allclose(scaled, z / temperature, rtol=1e-15 * 4)
    assert after.logits is before.logits
    assert before.inverse_temperatures is None
