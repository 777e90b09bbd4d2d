"""The thresholds that a calibration split gave, beside a record: for a run that loads it without the split.

They are places in fine histograms, checked value by value, and belong to one record by the sha256 of its file.
"""

import json
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliseg.calibration.records.seal import seal_of
from reliseg.errors import ConfigError
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.regular_files import read_regular, reason_of, regular_size
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.threshold import Threshold

FORMAT = 2
"""Grows with any change of the bins, or of what a threshold is. Bins before `last` are possible since 2."""
_LARGEST = 1 << 24

ByScore: TypeAlias = Mapping[str, Threshold]
_Name: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]


class _Threshold(BaseModel):
    """One threshold. Bins are counted from the most confident."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

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


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: int = Field(ge=1, le=FORMAT)
    record: _Name
    thresholds: dict[_Name, dict[_Name, _Threshold]]
    sha256: str = ""
    """Of everything else in it; formats before 2 had none."""


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
    if not os.path.lexists(path):
        return {}
    try:
        if regular_size(path) > _LARGEST:
            raise _damage_error(path, f"it is larger than {_LARGEST >> 20} MiB")
        data = read_regular(path, _LARGEST)
        content = _File.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damage_error(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    except OSError as error:
        raise _damage_error(path, f"it cannot be read ({reason_of(error)})") from error
    if content.record != digest:
        raise _damage_error(path, f"it does not belong to {record.name}")
    thresholds: dict[str, ByScore] = {
        name: {score: _restore(path, score, t) for score, t in by_score.items()}
        for name, by_score in content.thresholds.items()
    }
    if content.format >= 2 and content.sha256 != seal_of(json.loads(data)):
        raise _damage_error(path, "it was changed since it was written")
    return thresholds


def _restore(path: Path, score: str, values: _Threshold) -> Threshold:
    threshold = values.restore(fine_bins(score).size)
    if threshold is None:
        raise _damage_error(path, f"its threshold of {score} is not valid")
    return threshold


def _damage_error(path: Path, problem: str) -> ConfigError:
    return ConfigError(
        f"{path}: {problem}; copy it again with its calibration, or delete it to go on without thresholds"
    )
