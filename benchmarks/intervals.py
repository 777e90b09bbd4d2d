"""How often intervals hold the truth, and how often equal models are told apart: drawn images, known populations.

python benchmarks/intervals.py [--out FILE.json] [--simulations 2000]

A population is 16,000 drawn images; its totals are the truth, samples are drawn from it. Images differ in how easy they
are and in how overconfident the model is; pixels of an image are alike. Every class stands in at least 3 of 10 images.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from machine import write
from scipy.special import expit

from reliseg.intervals import Interval, compare, jackknife
from reliseg.metrics import METRICS, many
from reliseg.metrics.families.calibration_error import binned_numbers
from reliseg.metrics.families.segmentation import mean_numbers
from reliseg.metrics.units import Rows
from reliseg.stats.bins import RELIABILITY_BINS, reliability_bin

CLASSES, FINE = 6, 60
ODDS = 2.0 ** (np.arange(FINE) / 3 - 16)
"""Of being wrong, by bin, the surest first."""
CONFIDENCE = 1 / (1 + ODDS)
TO_BINS = np.eye(RELIABILITY_BINS)[reliability_bin(CONFIDENCE)]
PRESENT = np.array([1, 1, 0.9, 0.7, 0.5, 0.3])
IMAGES, SCENES, OF_A_SCENE = 8000, 800, 10
ROWS = 8000
"""Sums that are in memory at once, at most."""
SHOWN = ("ece", "miou", "auroc", "fpr95", "risk95", "aurc")
SIZES, SCENE_SIZES = (20, 50, 100, 500), (8, 12, 20)
Numbers: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class World:
    """How confidence and truth belong together, how much images differ, and which share of them is far worse."""

    slope: float
    shift: float
    ease: float
    over: float
    bad: float = 0.0


WORLDS = {
    "alike": World(0.75, 0.3, 0.7, 0.5),
    "some bad images": World(0.75, 0.2, 0.8, 0.6, 0.03),
    "very uneven": World(0.6, 0.6, 1.2, 0.9, 0.08),
    "4 % far worse": World(0.75, 0.3, 0.5, 0.3, 0.04),
}


def drawn_rows(random: np.random.Generator, world: World, ease: np.ndarray, over: np.ndarray) -> Rows:
    """Images that are as easy, and whose model is as overconfident, as these numbers say."""
    n = len(ease)
    share = np.exp(0.7 * random.standard_normal((n, CLASSES))) * (random.random((n, CLASSES)) < PRESENT)
    pixels = np.exp(random.uniform(np.log(2e3), np.log(2e4), n))
    place = (-np.log(ODDS) - (3.5 + np.linspace(1, -1, CLASSES) + ease[:, None])[:, :, None]) / 2.2
    density = np.exp(-place * place / 2) * share[:, :, None]
    count = random.poisson(pixels[:, None, None] * density / density.sum(axis=(1, 2), keepdims=True))
    chance = np.maximum(expit(-world.slope * np.log(ODDS) - world.shift - over[:, None]), 1 / CLASSES)
    right = random.binomial(count, chance[:, None])
    hit, true = right.sum(axis=2), count.sum(axis=2)
    taken = np.zeros_like(hit)
    for c in range(CLASSES):  # wrong pixels of a class are predicted as any other one
        others = np.where(np.arange(CLASSES) == c, 0, 1 / (CLASSES - 1))
        taken += random.multinomial(true[:, c] - hit[:, c], others)
    known, correct = count.sum(axis=1), right.sum(axis=1)
    bins = np.stack([known @ TO_BINS, correct @ TO_BINS, (known * CONFIDENCE) @ TO_BINS], axis=1)
    ranks = np.stack([known - correct, correct], axis=1)
    classes = np.stack([hit, true, hit + taken], axis=1)
    nothing = np.zeros((n, 2)), np.zeros(n), {}
    return Rows(classes.astype(float), bins.astype(float), *nothing, {"msp": ranks.astype(float)})


@lru_cache(maxsize=4)
def population(name: str, *, scenes: bool = False) -> tuple[Rows, Rows]:
    """Two models of equal law on the same images, each image twice with the models exchanged.

    Images of a scene are alike: ten in a row.
    """
    world, random = WORLDS[name], np.random.default_rng([len(name), scenes])
    n = SCENES * OF_A_SCENE if scenes else IMAGES

    def drawn(spread: float) -> np.ndarray:
        return np.repeat(random.normal(0, spread, SCENES), OF_A_SCENE) if scenes else random.normal(0, spread, n)

    ease, over = drawn(world.ease), drawn(world.over)
    worse = random.random(n) < world.bad
    ease, over = ease - 1.5 * worse, over + 2 * worse
    parts = []
    for _ in range(2):
        own = random.normal(0, 0.3, (2, n))
        parts.append(drawn_rows(random, world, ease + own[0], over + own[1]))
    return joined(parts), joined(parts[::-1])


def joined(rows: Sequence[Rows]) -> Rows:
    """The rows of both, one after the other."""
    tables = (np.concatenate([getattr(r, name) for r in rows]) for name in ("classes", "bins", "losses", "flips"))
    return Rows(*tables, {}, {"msp": np.concatenate([r.ranks["msp"] for r in rows])})


def of_scenes(rows: Rows) -> Rows:
    """The sums of each scene."""
    return rows.grouped(np.arange(len(rows)) // OF_A_SCENE, len(rows) // OF_A_SCENE)


def numbers(rows: Rows, shown: Sequence[str]) -> Numbers:
    """These numbers, of sums."""
    wrong, right = rows.ranks["msp"].swapaxes(0, 1)
    kinds = {
        "ece": lambda: binned_numbers(rows)["ece"],
        "miou": lambda: mean_numbers(rows, range(CLASSES))["miou"],
        "auroc": lambda: many.rankings(right, wrong).auroc,
        "fpr95": lambda: many.rankings(right, wrong).fpr95,
        "risk95": lambda: many.risks_at(right, wrong, [95])[0],
        "aurc": lambda: many.area_under_risk(right, wrong),
    }
    return {name: kinds[name]() for name in shown}


SCALES = {
    name: q.scale
    for family in ("calibration_error", "segmentation", "misclassification")
    for name, q in METRICS.get(family)().quantities().items()
}


@dataclass(frozen=True)
class Sample:
    """A number of some units of one model or of two, and without each unit."""

    values: tuple[float, ...]
    lefts: tuple[np.ndarray, ...]

    def interval(self, name: str) -> Interval:
        """That of the first model."""
        return jackknife(self.values[0], self.values[0], [self.lefts[0]], SCALES[name])


def samples(
    models: Sequence[Rows], n: int, simulations: int, shown: Sequence[str], seed: int
) -> Iterator[dict[str, Sample]]:
    """So many samples of n units, the same ones of every model."""
    random = np.random.default_rng([seed, n])
    at_once = max(1, ROWS // n)
    for start in range(0, simulations, at_once):
        m = min(at_once, simulations - start)
        chosen = random.integers(len(models[0]), size=(m, n))
        found = [[numbers(of_chosen, shown) for of_chosen in _sums(rows, chosen)] for rows in models]
        for i in range(m):
            part = slice(i * n, (i + 1) * n)
            yield {
                name: Sample(
                    tuple(float(centres[name][i]) for centres, _ in found),
                    tuple(lefts[name][part] for _, lefts in found),
                )
                for name in shown
            }


def _sums(rows: Rows, chosen: np.ndarray) -> tuple[Rows, Rows]:
    """The sum of each line of chosen rows, and without each of them, one line after the other."""

    def others(a: np.ndarray) -> np.ndarray:
        picked = a[chosen]
        return (picked.sum(axis=1, keepdims=True) - picked).reshape(-1, *a.shape[1:])

    return rows.each(lambda a: a[chosen].sum(axis=1)), rows.each(others)


def truth(rows: Rows, shown: Sequence[str] = SHOWN) -> dict[str, float]:
    """The numbers of the whole population."""
    return {name: float(value[0]) for name, value in numbers(rows.total(), shown).items()}


@dataclass(frozen=True)
class Held:
    """In percent: intervals that hold the truth, that lie below it, above it, and those with a warning."""

    held: float
    below: float | None = None
    above: float | None = None
    doubted: float | None = None


def coverage(pool: Rows, n: int, simulations: int, shown: Sequence[str] = SHOWN, seed: int = 0) -> dict[str, Held]:
    """How intervals of n units of a population lie."""
    true = truth(pool, shown)
    counts = {name: np.zeros(4) for name in shown}
    for sample in samples([pool], n, simulations, shown, seed):
        for name, of_number in sample.items():
            found = of_number.interval(name)
            below, above = found.high < true[name], found.low > true[name]
            counts[name] += found.low <= true[name] <= found.high, below, above, bool(found.note)
    return {name: Held(*(100 * c / simulations).tolist()) for name, c in counts.items()}


def alarms(models: tuple[Rows, Rows], n: int, simulations: int, shown: Sequence[str] = SHOWN) -> dict[str, float]:
    """In percent, how often two equal models differ with p < 0.05."""
    counts = dict.fromkeys(shown, 0)
    for sample in samples(models, n, simulations, shown, seed=1):
        for name, of_number in sample.items():
            (a, b), (left, other) = of_number.values, of_number.lefts
            counts[name] += compare(a - b, [left], [other], paired=True).p < 0.05
    return {name: 100 * count / simulations for name, count in counts.items()}


def pixel_level(pool: Rows, n: int, simulations: int, seed: int = 0) -> float:
    """In percent, how often the interval of ECE that takes pixels as independent holds the truth."""
    true, random = truth(pool, ["ece"])["ece"], np.random.default_rng([seed, n])
    held = 0
    for _ in range(simulations):
        chosen = random.integers(len(pool), size=n)
        total = _sums(pool, chosen[None])[0]
        wrong, right = total.ranks["msp"][0]
        gaps = total.bins[0, 1] - total.bins[0, 2]
        ece, known = np.abs(gaps).sum() / total.known[0], total.known[0]
        square = (right * (1 - CONFIDENCE) ** 2 + wrong * CONFIDENCE**2).sum() / known  # of what a pixel adds
        half = 1.96 * np.sqrt((square - ece**2) / known)
        held += abs(ece - true) <= half
    return float(100 * held / simulations)


@dataclass(frozen=True)
class Line:
    """What was measured of a number, with so many units: how its intervals lie, and alarms of equal models."""

    population: str
    units: str
    n: int
    number: str
    truth: float
    found: Held
    alarms: float | None = None


def measured(simulations: int) -> Iterator[Line]:
    """All that the page on intervals shows."""
    for name in WORLDS:
        one, other = population(name)
        true = truth(one)
        for n in SIZES:
            equal = alarms((one, other), n, simulations)
            for number, found in coverage(one, n, simulations).items():
                yield Line(name, "images", n, number, true[number], found, equal[number])
            yield Line(name, "pixels", n, "ece", true["ece"], Held(pixel_level(one, n, simulations)))
    images = population("alike", scenes=True)[0]
    scenes = of_scenes(images)
    true = truth(scenes)
    for n in SCENE_SIZES:
        for number, found in coverage(scenes, n, simulations).items():
            yield Line("scenes of ten", "scenes", n, number, true[number], found)
        for number, share in coverage_of_images(images, n, simulations).items():
            yield Line("scenes of ten", "images", n, number, true[number], Held(share))


def coverage_of_images(images: Rows, scenes: int, simulations: int, shown: Sequence[str] = SHOWN) -> dict[str, float]:
    """In percent, how often intervals over the images of so many scenes hold the truth: they are too narrow."""
    true, random, held = truth(images, shown), np.random.default_rng([2, scenes]), dict.fromkeys(shown, 0)
    number = len(images) // OF_A_SCENE
    for _ in range(simulations):
        first = random.integers(number, size=scenes) * OF_A_SCENE
        chosen = (first[:, None] + np.arange(OF_A_SCENE)).ravel()
        of_all, lefts = (numbers(rows, shown) for rows in _sums(images, chosen[None]))
        for name in shown:
            value = float(of_all[name][0])
            found = Sample((value,), (lefts[name],)).interval(name)
            held[name] += found.low <= true[name] <= found.high
    return {name: 100 * count / simulations for name, count in held.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    parser.add_argument("--simulations", type=int, default=2000)
    given = parser.parse_args(arguments)
    lines = []
    for line in measured(given.simulations):
        print(line, flush=True)
        lines.append(line)
    if given.out:
        write(given.out, lines)


if __name__ == "__main__":
    main()
