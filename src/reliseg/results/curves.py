"""What charts need beside the rows of a run: confusion matrices, reliability diagrams, curves and histograms.

Everything is aggregated over the pixels of a domain: its size does not depend on the number of images.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked

from reliseg.errors import DataError
from reliseg.results.names import CURVES_FILE
from reliseg.results.readable import open_readable
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import read_open

_FILE_LIMIT = 1 << 32
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


@checked(frozen=True, config=_STRICT)
class ReliabilityBins:
    """Known pixels by bin (low, high] of msp: how many, how many of them right, and the sum of their confidence."""

    low: list[float]
    high: list[float]
    pixels: list[int]
    right: list[int]
    confidence: list[float]

    def __post_init__(self) -> None:
        """Raise a ValueError where the lists are not of one length."""
        _check_lengths(self.low, self.high, self.pixels, self.right, self.confidence)


@checked(frozen=True, config=_STRICT)
class RiskCoverage:
    """The error rate among the most confident share of the known pixels, from small shares to all of them."""

    coverage: list[float]
    risk: list[float]

    def __post_init__(self) -> None:
        """Raise a ValueError where the lists are not of one length."""
        _check_lengths(self.coverage, self.risk)


@checked(frozen=True, config=_STRICT)
class ScoreBins:
    """Pixels by bins of a score, between ascending `edges` in its own unit: known ones wrong or right, and unknown."""

    edges: list[float]
    wrong: list[int]
    right: list[int]
    unknown: list[int]

    def __post_init__(self) -> None:
        """Raise a ValueError where edges do not ascend, or the lists are not as long as they should be."""
        _check_lengths(self.wrong, self.right, self.unknown, self.edges[1:])
        if any(b < a for a, b in pairwise(self.edges)):
            raise ValueError("edges do not ascend")


@checked(frozen=True, config=_STRICT)
class ScoreCurves:
    """One score: `oracle` is the area under the risk-coverage curve if all errors came last, `error_rate` if by chance.

    Both are None where no pixel is known.
    """

    risk_coverage: RiskCoverage
    oracle: float | None
    error_rate: float | None
    histogram: ScoreBins


@checked(frozen=True, config=_STRICT)
class DomainCurves:
    """One model on one domain under one calibration.

    `confusion` has a row for each label, and a column for each prediction: the labels, then what is none of them.
    """

    model: str
    dataset: str
    domain: str
    calibration: str
    labels: list[str]
    confusion: list[list[int]]
    reliability: ReliabilityBins
    scores: dict[str, ScoreCurves]

    def __post_init__(self) -> None:
        """Raise a ValueError where the matrix does not fit the labels."""
        _check_lengths(self.labels, self.confusion)
        _check_lengths(*self.confusion, [*self.labels, ""])

    def __repr__(self) -> str:
        """Return what it is of on one line."""
        return f"DomainCurves({self.model} on {self.dataset}/{self.domain}, {self.calibration})"

    def to_json(self) -> str:
        """Return it as one line."""
        return json.dumps(self, default=vars, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, eq=False)
class Curves:
    """The file `curves.json` of a run, in the order of its plan."""

    states: tuple[DomainCurves, ...]

    def __len__(self) -> int:
        return len(self.states)

    def __iter__(self) -> Iterator[DomainCurves]:
        return iter(self.states)

    def __repr__(self) -> str:
        """Return the count on one line."""
        return f"Curves({len(self)} of model, domain and calibration)"

    def of(self, model: str, dataset: str, domain: str, calibration: str = "identity") -> DomainCurves | None:
        """Return those of a model on a domain under a calibration, or None."""
        wanted = (model, dataset, domain, calibration)
        return next((s for s in self.states if (s.model, s.dataset, s.domain, s.calibration) == wanted), None)

    def records(self) -> list[dict[str, object]]:
        """Return all as plain dicts and lists."""
        return [asdict(state) for state in self.states]

    @classmethod
    def read(cls, path: str | Path) -> "Curves":
        """Read those of a run, by its folder, its address or its `curves.json`; a DataError where it is none."""
        file, shown = open_readable(path, CURVES_FILE, _FILE_LIMIT)
        with file:
            try:
                return cls(tuple(checker(_Content).validate_json(read_open(file)).states))
            except ValidationError as error:
                raise DataError(
                    f"{shown}: not the {CURVES_FILE} of a run; write it anew with reliseg results RUN"
                ) from error


@checked(frozen=True, config=_STRICT)
class _Content:
    """What stands in the file."""

    format: Literal[1]
    states: list[DomainCurves]


def curves_text(states: Iterable[str]) -> str:
    """Return the content of the file, from lines of `DomainCurves.to_json`."""
    return '{"format": 1, "states": [\n' + ",\n".join(states) + "\n]}\n"


def _check_lengths(*lists: Sequence[object] | Mapping[object, object]) -> None:
    if len({len(values) for values in lists}) > 1:
        raise ValueError("lists of different lengths")
