"""Which pixels are accepted: those that are at least as sure as a threshold, which was chosen before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reliseg.errors import ConfigError
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
    """The calibration split that it was chosen on."""
    why: str = ""

    @classmethod
    def at_95(cls, thresholds: Mapping[str, Threshold], split: str, score: str = "msp") -> "Acceptance":
        """Return the threshold that accepts most with at least 95 % right pixels among the accepted ones of a split."""
        threshold = thresholds.get(score, Threshold(why=f"no threshold of {score} was measured on {split}"))
        return cls(score, threshold.last, split, threshold.why)

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
        if self.last is None:
            return {"score": self.score, "threshold": None, "why": self.why}
        return {
            "score": self.score,
            "threshold": self.confidence,
            "last_bin": self.last,
            "split": self.split,
            "definition": self.definition,
        }
