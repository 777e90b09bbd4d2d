"""Betting against a risk that is too high: by the definition, at its limits, and on drawn images."""

import math

import numpy as np
import pytest
from helpers.drawn_losses import drawn_losses

from reliseg.conformal import accepted_with_confidence, least_images_with_confidence


def is_shown(losses: list[float], risk: float, confidence: float) -> bool:
    """Bet on one image after the other, as the papers write it."""
    delta, n = 1 - confidence, len(losses)
    wealth, best, variance, total, spread = 1.0, 0.0, 0.25, 0.0, 0.0
    for t, loss in enumerate(losses, 1):
        bet = min(1.0, math.sqrt(2 * math.log(1 / delta) / (n * variance)))
        wealth *= 1 - bet * (loss - risk)
        best = max(best, wealth)
        total += loss
        mean = (0.5 + total) / (1 + t)
        spread += (loss - mean) ** 2
        variance = (0.25 + spread) / (1 + t)
    return best >= 1 / delta


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_each_choice_up_to_the_accepted_one_is_shown_and_the_next_is_not(confidence):
    random = np.random.default_rng(3)
    kept = []
    for _ in range(20):
        losses = drawn_losses(random, 120)
        k = accepted_with_confidence(losses, 0.1, confidence)
        kept.append(k)
        assert all(is_shown(losses[:, j].tolist(), 0.1, confidence) for j in range(k + 1))
        assert k + 1 == losses.shape[1] or not is_shown(losses[:, k + 1].tolist(), 0.1, confidence)
    assert len(set(kept)) > 2


@pytest.mark.parametrize(("risk", "confidence"), [(0.05, 0.95), (0.1, 0.9), (0.01, 0.95)])
def test_too_few_images_are_refused_with_the_number(risk, confidence):
    least = least_images_with_confidence(risk, confidence)
    assert is_shown([0.0] * least, risk, confidence)
    assert not is_shown([0.0] * (least - 1), risk, confidence)
    assert accepted_with_confidence(np.zeros((least, 3)), risk, confidence) == 2
    with pytest.raises(ValueError, match=f"needs {least} images, and there are {least - 1}"):
        accepted_with_confidence(np.zeros((least - 1, 3)), risk, confidence)


@pytest.mark.slow
@pytest.mark.parametrize(("images", "risk"), [(100, 0.1), (500, 0.05)])
def test_at_most_one_in_twenty_choices_breaks_the_risk(images, risk):
    random = np.random.default_rng(images)
    population = drawn_losses(random, 20_000)
    truth = population.mean(axis=0)
    kept = [accepted_with_confidence(population[random.choice(20_000, images)], risk, 0.95) for _ in range(2000)]
    broken = (truth[kept] > risk).mean()
    assert broken <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert truth[kept].mean() > risk / 3  # it is no promise of nothing
