"""The thresholds of promises, beside a record, or beside none for the model as it is.

They are numbers of coarse bins of confidence, checked value by value, and belong to one record by the sha256 of its
file.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from reliseg.calibration.records.beside import BesideRecord, damage_error, read_beside
from reliseg.calibration.records.seal import seal_of
from reliseg.conformal import Promise, PromisedThreshold
from reliseg.runtime.atomic_files import write_text
from reliseg.stats.bins import SET_BINS
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

FORMAT = 1
_LARGEST = 1 << 27

_Text: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]
_Digest: TypeAlias = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class _Promised(BaseModel):
    """One threshold. Bins are counted from the most confident."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    risk: float = Field(gt=0, lt=1)
    confidence: float | None = Field(gt=0, lt=1)
    label: _Text
    of_sets: bool
    on: _Text
    units: Literal["images", "scenes"]
    n: int = Field(ge=0)
    bins: int | None = Field(ge=0)
    why: _Text
    images: dict[_Text, dict[_Text, _Digest]]

    def restore(self) -> PromisedThreshold | None:
        """Return the threshold; None where it has neither a value nor a reason, or both, or where no bin is there."""
        promise = Promise(self.risk, self.confidence, self.label, self.of_sets)
        found = PromisedThreshold(promise, self.on, self.units, self.n, self.bins, self.why, self.images)
        most = SET_BINS + 1 if self.of_sets else BUILT_IN_SCORES["msp"].bins.coarse_size
        return found if (self.bins is None) == bool(self.why) and (self.bins or 0) <= most else None


class _File(BesideRecord):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    format: int = Field(ge=1, le=FORMAT)
    record: _Text
    promises: tuple[_Promised, ...]


def promises_file(record: Path) -> Path:
    """Return the path of the promises of the record in a JSON file, whether there is one or not."""
    return record.with_suffix(".promises")


def write_promises(record: Path, digest: str, promises: Sequence[PromisedThreshold]) -> Path:
    """Write the thresholds of promises; `digest` is the sha256 of the record, "" where there is none."""
    content = [
        {"risk": t.promise.risk, "confidence": t.promise.confidence, "label": t.promise.label}
        | {"of_sets": t.promise.of_sets}
        | {"on": t.on, "units": t.units, "n": t.n, "bins": t.bins, "why": t.why}
        | {"images": {domain: dict(of_domain) for domain, of_domain in t.images.items()}}
        for t in promises
    ]
    inner = {"format": FORMAT, "record": digest, "promises": content}
    path = promises_file(record)
    write_text(path, json.dumps(inner | {"sha256": seal_of(inner)}, indent=1))
    return path


def read_promises(record: Path, digest: str) -> tuple[PromisedThreshold, ...]:
    """Return the thresholds of promises beside a record; none where there is no file."""
    path = promises_file(record)
    return read_beside(path, record, digest, _File, partial(_restore_all, path), _LARGEST) or ()


def _restore_all(path: Path, content: _File) -> tuple[PromisedThreshold, ...]:
    found = [one.restore() for one in content.promises]
    promises = tuple(threshold for threshold in found if threshold is not None)
    if len(promises) < len(found):
        raise damage_error(path, "one of its promises has no threshold and no reason, or both, or one beyond all")
    return promises
