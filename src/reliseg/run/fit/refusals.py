"""Fits that a method has refused, kept so that they are not tried again on the same samples."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reliseg.calibration.records.seal import seal_of
from reliseg.run.predict.freshness import StoredInputs
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.regular_files import read_regular

_LARGEST = 1 << 28
_FILE = "refused.json"
_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Hashes: TypeAlias = dict[str, dict[str, _Digest]]


@dataclass(frozen=True)
class Refusal:
    """Why a calibration could not be fitted, and on what."""

    why: str
    inputs: StoredInputs


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    why: str
    parts: dict[str, str]
    samples: _Hashes
    predictions: _Hashes


def write_refusal(folder: Path, refusal: Refusal) -> None:
    """Keep a refusal in the folder of its calibration."""
    inputs = refusal.inputs
    content = {
        "why": refusal.why,
        "parts": dict(inputs.parts),
        "samples": _plain(inputs.samples),
        "predictions": _plain(inputs.predictions),
    }
    write_text(folder / _FILE, json.dumps({"refusal": content, "sha256": seal_of(content)}))


def read_refusal(folder: Path) -> Refusal | None:
    """Return the refusal in the folder of a calibration; None where there is none, or none that is whole."""
    try:
        outer = json.loads(read_regular(folder / _FILE, _LARGEST))
        raw, digest = outer["refusal"], outer["sha256"]
        if seal_of(raw) != digest:
            return None
        content = _Content.model_validate_json(json.dumps(raw))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, ValidationError):
        return None
    return Refusal(content.why, StoredInputs(content.parts, content.samples, content.predictions))


def record_files(place: Path) -> list[Path]:
    """Return the files of calibrations in the folder of one: where there is none, another file says why."""
    try:
        return sorted(path for path in place.iterdir() if path.suffix == ".json" and path.name != _FILE)
    except OSError:
        return []


def _plain(hashes: Mapping[str, Mapping[str, str]]) -> _Hashes:
    return {domain: dict(sorted(of_domain.items())) for domain, of_domain in sorted(hashes.items())}
