"""Conformal risk control: by the definition, at its limits, and on drawn images."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.drawn_losses import drawn_losses
from hypothesis import given
from hypothesis import strategies as st

from reliseg.conformal import accepted_in_expectation, comfortable_images, least_images, losses_of


def by_definition(losses: np.ndarray, risk: str) -> int:
    """Look at every column in exact numbers."""
    n = len(losses)
    means = [sum(map(Fraction, column.tolist()), Fraction(0)) / n for column in losses.T]
    good = [k for k, mean in enumerate(means) if Fraction(n, n + 1) * mean + Fraction(1, n + 1) <= Fraction(risk)]
    return max(good)


@given(st.integers(4, 40), st.integers(1, 12), st.integers(0, 2**32 - 1), st.sampled_from(["0.2", "0.25", "0.5"]))
def test_the_most_bins_that_keep_the_bound_are_accepted(images, bins, seed, risk):
    lost = np.random.default_rng(seed).integers(0, 2, (images, bins))
    losses = losses_of(lost, np.full(images, 16))  # sums of sixteenths are exact
    assert accepted_in_expectation(losses, float(risk)) == by_definition(losses, risk)


def test_the_order_of_images_changes_nothing():
    random = np.random.default_rng(0)
    losses = drawn_losses(random, 200)
    counts = {accepted_in_expectation(random.permutation(losses), 0.05) for _ in range(20)}
    assert len(counts) == 1


@pytest.mark.parametrize(("risk", "least"), [(0.05, 19), (0.01, 99), (0.1, 9), (0.3, 3)])
def test_too_few_images_are_refused_with_the_number(risk, least):
    assert least_images(risk) == least
    assert accepted_in_expectation(np.zeros((least, 4)), risk) == 3
    with pytest.raises(ValueError, match=f"a risk of {risk} needs {least} images, and there are {least - 1}"):
        accepted_in_expectation(np.zeros((least - 1, 4)), risk)


def test_the_number_of_images_that_is_comfortable_leaves_half_the_risk():
    assert comfortable_images(0.05) == 38
    assert Fraction(1, 20) - Fraction(1, 39) <= Fraction(1, 40) < Fraction(1, 20) - Fraction(1, 41)


@pytest.mark.slow
@pytest.mark.parametrize(("images", "risk"), [(50, 0.05), (100, 0.05), (500, 0.05), (200, 0.01)])
def test_the_loss_of_new_images_keeps_the_risk_on_average_and_comes_near_it(images, risk):
    random = np.random.default_rng(images)
    population = drawn_losses(random, 20_000)
    truth = population.mean(axis=0)
    kept = [accepted_in_expectation(population[random.choice(20_000, images)], risk) for _ in range(2000)]
    loss = truth[kept]
    error = loss.std() / np.sqrt(len(loss))
    coarse = np.diff(truth)[np.minimum(kept, len(truth) - 2)].mean()
    assert risk - 2 / (images + 1) - coarse - 3 * error <= loss.mean() <= risk + 3 * error
