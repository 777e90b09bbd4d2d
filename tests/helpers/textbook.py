"""Definitions in plain loops and exact fractions, as papers word them: slow, and apart from reliseg.

A ranking is a list of ties, the surest first, each (positives, negatives).
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby

import numpy as np

Ranking = Sequence[tuple[int, int]]


def ranking(confidence: np.ndarray, positive: np.ndarray) -> Ranking:
    """Ties of equal confidence, the highest first."""
    pairs = sorted(zip(confidence.tolist(), positive.tolist(), strict=True), key=lambda pair: -pair[0])
    found = []
    for _, tie in groupby(pairs, key=lambda pair: pair[0]):
        flags = [flag for _, flag in tie]
        found.append((sum(flags), len(flags) - sum(flags)))
    return found


def reversed_roles(ties: Ranking) -> Ranking:
    """The others are positive, and the least sure come first."""
    return [(n, p) for p, n in reversed(ties)]


def auroc(ties: Ranking) -> Fraction:
    won = Fraction(0)
    for i, (p, n) in enumerate(ties):
        won += p * sum(later for _, later in ties[i + 1 :]) + Fraction(p * n, 2)
    return won / (sum(p for p, _ in ties) * sum(n for _, n in ties))


def average_precision(ties: Ranking) -> Fraction:
    positives = sum(p for p, _ in ties)
    tp = fp = 0
    area = Fraction(0)
    for p, n in ties:
        tp, fp = tp + p, fp + n
        area += Fraction(p, positives) * Fraction(tp, tp + fp)
    return area


def fpr95(ties: Ranking) -> Fraction:
    positives, negatives = sum(p for p, _ in ties), sum(n for _, n in ties)
    tp = fp = 0
    for p, n in ties:
        tp, fp = tp + p, fp + n
        if Fraction(tp, positives) >= Fraction(95, 100):
            return Fraction(fp, negatives)
    raise AssertionError


def risks(ties: Ranking) -> Iterator[Fraction]:
    """Expected errors among the k surest, over k, for k = 1 .. N; positives are right."""
    k, errors = 0, Fraction(0)
    for p, n in ties:
        for _ in range(p + n):
            k += 1
            errors += Fraction(n, p + n)
            yield errors / k


def aurc(ties: Ranking) -> Fraction:
    found = list(risks(ties))
    return sum(found, Fraction(0)) / len(found)


def e_aurc(ties: Ranking) -> Fraction:
    right, total = sum(p for p, _ in ties), sum(p + n for p, n in ties)
    least = sum((Fraction(k - right, k) for k in range(right + 1, total + 1)), Fraction(0))
    return aurc(ties) - least / total


def risk(ties: Ranking, percent: int) -> Fraction:
    found = list(risks(ties))
    return next(r for k, r in enumerate(found, start=1) if 100 * k >= percent * len(found))


def rejection_area(ties: Ranking) -> Fraction:
    """Integral over the rejected fraction of the errors among the kept, over N: trapezoids between ties."""
    total = sum(p + n for p, n in ties)
    kept, errors, area = 0, 0, Fraction(0)
    for p, n in ties:
        area += Fraction(p + n, total) * (Fraction(errors, total) + Fraction(errors + n, total)) / 2
        kept, errors = kept + p + n, errors + n
    return area


def prr(ties: Ranking) -> Fraction:
    right, wrong = sum(p for p, _ in ties), sum(n for _, n in ties)
    random = rejection_area([(right, wrong)])
    oracle = rejection_area([(right, 0), (0, wrong)])
    return 100 * (random - rejection_area(ties)) / (random - oracle)


def augrc(ties: Ranking) -> Fraction:
    """Integral over coverage of P(wrong and accepted) (Traub et al. 2024)."""
    return rejection_area(ties)


def lowest_threshold(confidence: Sequence[float], right: Sequence[bool], percent: int) -> float | None:
    """The lowest confidence among these pixels such that `percent` % of those at least as sure are right."""
    found, kept, hits = None, 0, 0
    pairs = sorted(zip(confidence, right, strict=True), key=lambda pair: -pair[0])
    for threshold, tie in groupby(pairs, key=lambda pair: pair[0]):
        flags = [bool(flag) for _, flag in tie]
        kept, hits = kept + len(flags), hits + sum(flags)
        if Fraction(hits, kept) >= Fraction(percent, 100):
            found = threshold
    return found


def accepted(confidence: Sequence[float], right: Sequence[bool], threshold: float) -> tuple[Fraction, Fraction | None]:
    """Coverage, and risk where anything is accepted, of a threshold."""
    kept = [bool(a) for c, a in zip(confidence, right, strict=True) if c >= threshold]
    risk = Fraction(len(kept) - sum(kept), len(kept)) if kept else None
    return Fraction(len(kept), len(confidence)), risk


RANKINGS = {
    "auroc": auroc,
    "prr": prr,
    "aupr_success": average_precision,
    "aupr_error": lambda ties: average_precision(reversed_roles(ties)),
    "fpr95": fpr95,
    "aurc": aurc,
    "e_aurc": e_aurc,
    "augrc": augrc,
    "risk80": lambda ties: risk(ties, 80),
    "risk90": lambda ties: risk(ties, 90),
    "risk95": lambda ties: risk(ties, 95),
}
"""The measures of misclassification detection; right is positive."""


def weak_orders(positives: int, negatives: int) -> Iterator[Ranking]:
    """Every way to rank so many pixels of either kind, ties included."""
    if positives == negatives == 0:
        yield []
        return
    for p in range(positives + 1):
        for n in range(negatives + 1):
            if p or n:
                for rest in weak_orders(positives - p, negatives - n):
                    yield [(p, n), *rest]


# Calibration: confidences in [0, 1] and whether each is right.


def bin_of(probability: float, bins: int = 15) -> int:
    """Right-closed bins, the first closed on both sides."""
    for b in range(bins):
        if probability <= (b + 1) / bins:
            return b
    raise AssertionError


def gaps(confidence: Iterable[float], right: Iterable[bool]) -> list[tuple[int, float]]:
    """(pixels, |accuracy - mean confidence|) of each non-empty bin."""
    members: dict[int, list[tuple[float, bool]]] = {}
    for c, a in zip(confidence, right, strict=True):
        members.setdefault(bin_of(c), []).append((float(c), bool(a)))
    return [(len(m), abs(sum(a for _, a in m) / len(m) - sum(c for c, _ in m) / len(m))) for m in members.values()]


def ece(confidence: Iterable[float], right: Iterable[bool]) -> float:
    found = gaps(confidence, right)
    return sum(n * gap for n, gap in found) / sum(n for n, _ in found)


def mce(confidence: Iterable[float], right: Iterable[bool], floor: float = 0) -> float:
    found = gaps(confidence, right)
    total = sum(n for n, _ in found)
    return max(gap for n, gap in found if n >= floor * total)


def adaptive_ece(key: np.ndarray, confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> tuple[float, int]:
    """numpy.array_split of the sorted pixels; all pixels of one key go to the bin of the first of them."""
    order = np.argsort(key, kind="stable")
    group_of: dict[float, int] = {}
    for group, part in enumerate(np.array_split(order, bins)):
        for pixel in part:
            group_of.setdefault(key[pixel].item(), group)
    groups: dict[int, list[int]] = {}
    for pixel in order:
        groups.setdefault(group_of[key[pixel].item()], []).append(int(pixel))
    error = sum(abs(sum(confidence[i] - right[i] for i in group)) for group in groups.values())
    return float(error) / len(order), len(groups)


def kolmogorov_smirnov(key: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
    order = np.argsort(key, kind="stable")
    total, worst = 0.0, 0.0
    for place, pixel in enumerate(order):
        total += confidence[pixel] - right[pixel]
        if place + 1 == len(order) or key[order[place + 1]] != key[pixel]:
            worst = max(worst, abs(total))
    return worst / len(order)


DETECTION = ("auroc", "aupr_in", "aupr_out", "fpr95_in", "fpr95_out")


def detection(ties: Ranking) -> dict[str, Fraction]:
    """In-domain is positive but in the `_out` ones."""
    other = reversed_roles(ties)
    return {
        "auroc": auroc(ties),
        "aupr_in": average_precision(ties),
        "aupr_out": average_precision(other),
        "fpr95_in": fpr95(ties),
        "fpr95_out": fpr95(other),
    }
