"""The thresholds that a calibration split gave, beside a record: for a run that loads it without the split.

They are places in fine histograms, checked value by value, and belong to one record by the sha256 of its file.
"""

import json
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from reliseg.calibration.records.beside import BesideRecord, damage_error, read_beside
from reliseg.calibration.records.seal import seal_of
from reliseg.runtime.atomic_files import write_text
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.threshold import Threshold

FORMAT = 2
"""Grows with any change of the bins, or of what a threshold is. Bins before `last` are possible since 2."""
_LARGEST = 1 << 24

ByScore: TypeAlias = Mapping[str, Threshold]
_Name: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]


class _Threshold(BaseModel):
    """One threshold. Bins are counted from the most confident."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    last: int | None = Field(ge=0)
    possible: tuple[int, ...]
    why: _Name

    def restore(self, bins: int) -> Threshold | None:
        """Return the threshold; None where none among so many bins has these values."""
        if self.last is None:
            whole = bool(self.why) and not self.possible
        else:
            ascending = all(a < b for a, b in pairwise(self.possible))
            whole = not self.why and ascending and self.last in self.possible and self.possible[0] >= 0
            whole = whole and self.possible[-1] < bins
        return Threshold(self.last, np.array(self.possible, np.int64), self.why) if whole else None


class _File(BesideRecord):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    format: int = Field(ge=1, le=FORMAT)
    record: _Name
    thresholds: dict[_Name, dict[_Name, _Threshold]]

    @property
    def is_sealed(self) -> bool:
        """Tell if its format has a sha256."""
        return self.format >= 2


def thresholds_file(record: Path) -> Path:
    """Return the path of the thresholds of the record in a JSON file."""
    return record.with_suffix(".thresholds")


def write_thresholds(record: Path, digest: str, thresholds: Mapping[str, ByScore]) -> None:
    """Write the thresholds of a split, by calibration and score; `digest` is the sha256 of the record."""
    content = {
        name: {s: {"last": t.last, "possible": t.possible.tolist(), "why": t.why} for s, t in by_score.items()}
        for name, by_score in thresholds.items()
    }
    inner = {"format": FORMAT, "record": digest, "thresholds": content}
    text = json.dumps(inner | {"sha256": seal_of(inner)}, indent=1)
    write_text(thresholds_file(record), text)


def read_thresholds(record: Path, digest: str) -> dict[str, ByScore]:
    """Return the thresholds beside a record by calibration and score; none where there is no file.

    Scores may be among them that this process does not know: nothing asks for theirs.
    """
    path = thresholds_file(record)
    return read_beside(path, record, digest, _File, partial(_restore_all, path), _LARGEST) or {}


def _restore_all(path: Path, content: _File) -> dict[str, ByScore]:
    return {
        name: {score: _restore(path, score, t) for score, t in by_score.items()}
        for name, by_score in content.thresholds.items()
    }


def _restore(path: Path, score: str, values: _Threshold) -> Threshold:
    threshold = values.restore(fine_bins(score).size)
    if threshold is None:
        raise damage_error(path, f"its threshold of {score} is not valid")
    return threshold
