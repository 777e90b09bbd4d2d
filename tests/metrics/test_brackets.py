"""Brackets against float64: the fused kernel counts in float32, and no rounding at an edge leaves its bracket.

What a number is, is written in plain loops over sorted pixels (`helpers.textbook`). Scores are float64's.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from helpers import textbook

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.metrics import METRICS, DomainState, ImageSummary
from reliseg.results import Value
from reliseg.stats import Layout, LogitView
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.threshold import Threshold
from reliseg.testing.worlds import space

SCORES = ("msp", "neg_entropy", "margin", "max_logit", "neg_energy")
FAMILIES = ("calibration_error", "class_reliability", "cumulative_error", "misclassification", "local_ood", "transfer")
VOID, UNKNOWN = 255, 254
FLOAT64 = 1e-9
"""What float64 sums of a few hundred numbers may differ by, in units of the number."""

slow = pytest.mark.slow

Image = tuple[np.ndarray, np.ndarray]
"""Logits (class, pixel) in float32, and truth."""


def domain(image: Image, thresholds: dict[str, Threshold] | None = None) -> DomainState:
    """What the fused kernel counts of an image."""
    z, truth = image
    layout = Layout(len(z), SCORES)
    kernel = Kernel(layout)
    view = LogitView(z[:, None], (1, z.shape[1]), False, np.arange(len(z)), np.ones(len(z) + 1))
    images = ImageSummary.of(kernel.observe(view, truth[None], "image"))
    return DomainState(space(len(z)), SCORES, kernel.statistics(), images, thresholds=thresholds or {})


def scores_of(z32: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores in float64, and the confidence msp. Logits are sorted first: equal ones in any order give equal scores."""
    z = -np.sort(-z32.astype(np.float64), axis=0)
    e = np.exp(z - z[0])
    odds, slope = e[1:].sum(axis=0), (e[1:] * (z[0] - z[1:])).sum(axis=0)
    entropy = np.log1p(odds) + slope / (1 + odds)
    second = e[1]
    tail = (odds + second) / (1 + odds)
    energy = z[0] + np.log1p(odds)
    return {
        "msp": -odds,
        "neg_entropy": -entropy,
        "margin": -tail,
        "max_logit": z[0],
        "neg_energy": energy,
    }, 1 / (1 + odds)


def exact_numbers(image: Image, calibration: Image) -> Iterator[tuple[tuple[str, str, str], float]]:
    """Every number of `FAMILIES` that is defined, by name, score and class."""
    z, truth = image
    known = truth < UNKNOWN
    scores, msp = scores_of(z)
    guess = z.argmax(axis=0)
    right = guess == truth
    c, a = msp[known], right[known]
    yield ("ece", "msp", ""), textbook.ece(c, a)
    yield ("mce", "msp", ""), textbook.mce(c, a)
    yield ("mce_floor", "msp", ""), textbook.mce(c, a, 0.001)
    adaptive, used = textbook.adaptive_ece(scores["msp"][known], c, a)
    yield ("ada_ece", "msp", ""), adaptive
    yield ("ada_ece_bins", "msp", ""), used
    yield ("ks", "msp", ""), textbook.kolmogorov_smirnov(scores["msp"][known], c, a)
    for label in range(len(z)):
        of_label, as_label = truth[known] == label, guess[known] == label
        name = f"class-{label}"
        if of_label.any():
            yield ("class_ece", "", name), textbook.ece(c[of_label], a[of_label])
            yield ("confident_error90", "", name), float((~a & (c > 0.90))[of_label].mean())
            yield ("confident_error99", "", name), float((~a & (c > 0.99))[of_label].mean())
        if as_label.any():
            yield ("predicted_class_ece", "", name), textbook.ece(c[as_label], a[as_label])
    for score in SCORES:
        s = scores[score]
        ties = textbook.ranking(s[known], a)
        for name, measure in textbook.RANKINGS.items():
            if 0 < a.sum() < len(a):
                yield (name, score, ""), float(measure(ties))
        if (truth == UNKNOWN).any():
            counted = truth != VOID
            found = textbook.detection(textbook.ranking(s[counted], known[counted]))
            yield from (((f"local_ood_{name}", score, ""), float(number)) for name, number in found.items())
        split = scores_of(calibration[0])[0][score]
        split_known = calibration[1] < UNKNOWN
        split_right = (calibration[0].argmax(axis=0) == calibration[1])[split_known]
        limit = textbook.lowest_threshold(split[split_known].tolist(), split_right.tolist(), 95)
        if limit is not None:
            coverage, risk = textbook.accepted(s[known].tolist(), a.tolist(), limit)
            yield ("transfer_coverage95", score, ""), float(coverage)
            if risk is not None:
                yield ("transfer_risk95", score, ""), float(risk)


def measured(image: Image, calibration: Image) -> dict[tuple[str, str, str], Value]:
    ranks = domain(calibration).pixels.ranks
    thresholds = {s: Threshold.at_accuracy(r.counts[RIGHT], r.counts[WRONG]) for s, r in ranks.items()}
    state = domain(image, thresholds)
    values = (v for name in FAMILIES for v in METRICS.get(name)().compute(state, None))
    return {(v.metric, v.score, v.label): v for v in values if not v.why}


def outside(image: Image, calibration: Image) -> list[tuple[tuple[str, str, str], float, Value]]:
    """Numbers whose float64 value is not in the bracket."""
    values = measured(image, calibration)
    wrong = []
    for key, number in exact_numbers(image, calibration):
        if key in values:
            slack = FLOAT64 * (100 if key[0] == "prr" else 1)
            if not values[key].lo - slack <= number <= values[key].hi + slack:
                wrong.append((key, number, values[key]))
    return wrong


def drawn(seed: int) -> Image:
    """Many ties, saturated confidences, few classes: whatever is unlike a network's output."""
    g = np.random.default_rng(seed)
    classes, pixels = int(g.choice([2, 3, 5, 12])), int(g.integers(2, 90))
    z = g.normal(0, g.choice([0.01, 1, 4, 30]), (classes, pixels))
    step = g.choice([0, 0.25, 1, 5])
    z = np.round(z / step) * step if step else z
    z = z[:, g.integers(0, pixels, pixels)] if g.random() < 0.3 else z
    z = g.permuted(z, axis=0) + (g.normal(0, 20, pixels) if g.random() < 0.3 else 0)
    truth = np.where(g.random(pixels) < 0.6, z.argmax(axis=0), g.integers(0, classes, pixels))
    kind = g.random(pixels)
    truth = np.where(kind < 0.05, VOID, np.where(kind < 0.2, UNKNOWN, truth))
    truth[0] = z[:, 0].argmax()
    return z.astype(np.float32), truth.astype(np.uint8)


@pytest.mark.parametrize("first", [0, 10, *(pytest.param(n, marks=slow) for n in range(20, 100, 10))])
def test_every_bracket_holds_the_float64_value_of_images_unlike_a_networks(first):
    for seed in range(first, first + 10):
        assert outside(drawn(seed), drawn(seed + 1000)) == [], seed


def near(odds: float, classes: int, offset: float, steps: int) -> np.ndarray:
    """Logits of a pixel whose tail odds are so many float32 steps from these; the largest logit is the first."""
    z = np.full(classes, np.float32(offset))
    rest = np.float32(offset + np.log(odds / (classes - 1)))
    for _ in range(abs(steps)):
        rest = np.nextafter(rest, np.float32(np.inf if steps > 0 else -np.inf))
    z[1:] = rest
    return z


@cache
def pixels_at_edges(kind: str) -> np.ndarray:
    """Pixels on, above and below edges of bins, with logits of several magnitudes."""
    if kind == "bins":
        edges = [15 / k - 1 for k in range(1, 15)] + [1 / 9, 1 / 99]
    else:
        edges = [np.ldexp(1 + m / 4096, e) for e in (-12, -3, -1, 0) for m in (0, 1, 1365, 4095)]
    return np.stack(
        [near(r, 19, offset, steps) for r in edges for offset in (0.0, 7.3, -29.1) for steps in range(-3, 4) if r < 18],
        axis=1,
    )


def image_at_edges(kind: str, seed: int) -> Image:
    """Few pixels at few edges, several of a kind, right or wrong."""
    g = np.random.default_rng(seed)
    every = pixels_at_edges(kind)
    start = int(g.integers(0, every.shape[1] - 21))
    z = every[:, start : start + 21][:, g.integers(0, 21, int(g.integers(2, 40)))]
    shift = g.integers(0, 3, z.shape[1])
    z = np.stack([np.roll(column, k) for column, k in zip(z.T, shift, strict=True)], axis=1)
    truth = np.where(g.random(z.shape[1]) < 0.5, z.argmax(axis=0), (z.argmax(axis=0) + 1) % len(z))
    truth[g.random(z.shape[1]) < 0.15] = UNKNOWN
    truth[0] = z[:, 0].argmax()
    return z, truth.astype(np.uint8)


@pytest.mark.parametrize("kind", ["bins", "fine bins"])
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=slow) for n in (20, 40))])
def test_every_bracket_holds_the_float64_value_of_pixels_at_the_edges(kind, first):
    for seed in range(first, first + 20):
        assert outside(image_at_edges(kind, seed), image_at_edges(kind, seed + 1000)) == [], seed


def test_the_kernel_puts_some_of_these_pixels_into_the_next_bin():
    """Otherwise the tests above would say nothing."""
    z = pixels_at_edges("bins")
    exact = textbook_bins(z)
    counts = domain((z, np.zeros(z.shape[1], np.uint8))).pixels.top.counts.sum(axis=(0, 1))
    assert np.abs(counts - np.bincount(exact, minlength=15)).sum() > 0
    odds = -scores_of(pixels_at_edges("fine bins"))[0]["msp"]
    fine = fine_bins("msp")
    below = np.searchsorted(fine.edges(), odds, side="right")
    ranks = domain((pixels_at_edges("fine bins"), np.zeros(len(odds), np.uint8))).pixels.ranks["msp"]
    assert (ranks.known != np.bincount(below, minlength=fine.size)).any()


def textbook_bins(z: np.ndarray) -> np.ndarray:
    return np.array([textbook.bin_of(p) for p in scores_of(z)[1]])
