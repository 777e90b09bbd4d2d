"""Which pixels are accepted: those that are at least as sure as a threshold, which was chosen before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reliseg.conformal import PromisedThreshold
from reliseg.errors import ConfigError
from reliseg.stats.bins import COARSE_SHIFT, SET_BINS, set_edges
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, confidence_edges
from reliseg.stats.threshold import Threshold


@dataclass(frozen=True)
class Acceptance:
    """A threshold of a score, and what is known of it.

    Pixels in the fine bins of the score up to `last` are accepted, bin 0 being that of the surest ones: the very pixels
    that a run counts as accepted. Where there is no threshold, `last` is None and `why` says so.
    """

    score: str = "msp"
    last: int | None = None
    split: str = ""
    """The calibration split that it was chosen on; of a promise, what its images belong to."""
    why: str = ""
    promised: PromisedThreshold | None = None
    """The promise that it keeps, if it was chosen for one."""
    sets: PromisedThreshold | None = None
    """The promise that sets of classes keep, if the run makes one."""

    @classmethod
    def at_95(cls, thresholds: Mapping[str, Threshold], split: str, score: str = "msp") -> "Acceptance":
        """Return the threshold that accepts most with at least 95 % right pixels among the accepted ones of a split."""
        threshold = thresholds.get(score, Threshold(why=f"no threshold of {score} was measured on {split}"))
        return cls(score, threshold.last, split, threshold.why)

    @classmethod
    def promising(cls, threshold: PromisedThreshold) -> "Acceptance":
        """Return the threshold of a promise, which accepts whole coarse bins; none where it accepts nothing."""
        bins, why = threshold.bins, threshold.why
        if bins is None or bins == 0:
            why = why or f"{threshold.promise} is kept only where no pixel is accepted"
            return cls(split=threshold.on, why=why, promised=threshold)
        last = min(bins << COARSE_SHIFT, BUILT_IN_SCORES["msp"].bins.size) - 1
        return cls("msp", last, threshold.on, promised=threshold)

    def with_sets(self, promises: Iterable[PromisedThreshold]) -> "Acceptance":
        """Return the threshold with the first of these promises that is about sets."""
        return replace(self, sets=next((t for t in promises if t.promise.of_sets), None))

    @property
    def least_probable(self) -> float:
        """Above which probability a class is in the set of a pixel; a ConfigError where no promise of sets is made."""
        if self.sets is None or self.sets.bins is None:
            why = self.sets.why if self.sets else "the run makes no promise of them; ask for sets: in its configuration"
            raise ConfigError(f"no sets of classes are known: {why}")
        return 0.0 if not self.sets.bins else float(set_edges()[SET_BINS + 1 - self.sets.bins])

    @property
    def confidence(self) -> float | None:
        """The least confidence that is accepted, to the width of a fine bin; None where there is no threshold."""
        return None if self.last is None else float(confidence_edges(self.score)[self.last + 1])

    @property
    def coordinate(self) -> float | None:
        """Where the bins of accepted pixels end, as the score's bins count: for `msp` the odds against the top class.

        None where there is no threshold; infinite where it accepts all.
        """
        if self.last is None:
            return None
        edges = BUILT_IN_SCORES[self.score].bins.edges()
        return float(edges[self.last]) if self.last < len(edges) else float("inf")

    @property
    def definition(self) -> str:
        """What the threshold is."""
        if self.promised is not None:
            return f"msp at or above the lowest threshold that keeps a promise: {self.promised.text}"
        return (
            f"{self.score} at or above the lowest threshold with at least 95 % of the accepted pixels of {self.split} "
            "right"
        )

    def require(self) -> int:
        """Return the last fine bin that is accepted; a ConfigError says why there is no threshold."""
        if self.last is None:
            raise ConfigError(f"no pixel can be accepted or rejected: {self.why}")
        return self.last

    def facts(self) -> dict[str, Any]:
        """Return what a reader of accepted pixels must know, as JSON values."""
        promise = {"promise": _promise_facts(self.promised)} if self.promised else {}
        if self.sets is not None:
            least = None if self.sets.bins is None else self.least_probable
            promise["sets"] = _promise_facts(self.sets) | {"probability_above": least}
        if self.last is None:
            return {"score": self.score, "threshold": None, "why": self.why} | promise
        return {
            "score": self.score,
            "threshold": self.confidence,
            "last_bin": self.last,
            "split": self.split,
            "definition": self.definition,
        } | promise


def _promise_facts(threshold: PromisedThreshold) -> dict[str, Any]:
    """Return what is promised, and on what it rests."""
    promise = threshold.promise
    return {
        "risk": promise.risk,
        "confidence": promise.confidence,
        "class": promise.label or None,
        "chosen_on": threshold.on,
        "units": threshold.units,
        "n": threshold.n,
        "text": threshold.text,
    }
