"""What is said of the samples of a shard, beside the files that hold them: used as it was written, or not at all."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from reliseg.calibration.records.seal import seal_of
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.regular_files import read_regular, sha256_of_file

SEED_PART = "seed"
"""The part of what determines samples that is none of predictions."""
_LARGEST = 1 << 28

_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count: TypeAlias = Annotated[int, Field(ge=0)]


class SampleEntry(BaseModel):
    """One image: where it comes from, and what is stored of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    id: str
    sha256: str
    image_sha256: str
    prediction_sha256: str
    pixels: _Count
    feature: tuple[float, ...] | None
    align_corners: bool


class SampleRecord(BaseModel):
    """The samples of a shard, in the order in which their pixels are stored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    format: Literal[2] = 2
    images: tuple[SampleEntry, ...]
    parts: dict[str, str]
    """What they were computed from, part by part."""
    quota: _Count
    whole: dict[str, bool]
    named: dict[str, str] = Field(default_factory=dict)
    """What model and domain were called: nothing depends on it."""
    files: dict[str, _Digest] = Field(default_factory=dict)
    """The sha256 of each file that holds them, by its path from the folder of the record."""


def write_sample_record(path: Path, record: SampleRecord, files: Iterable[Path]) -> None:
    """Write what is said of samples that lie in these files, all of them whole."""
    digests = {str(file.relative_to(path.parent)): sha256_of_file(file) for file in files}
    content = record.model_copy(update={"files": digests}).model_dump(mode="json")
    write_text(path, json.dumps({"record": content, "sha256": seal_of(content)}))


def read_sample_record(path: Path) -> SampleRecord:
    """Return what is said of stored samples; an OSError or a ValueError where it is not whole."""
    try:
        outer = json.loads(read_regular(path, _LARGEST))
        content, digest = outer["record"], outer["sha256"]
        seal = seal_of(content)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no record of samples") from error
    if seal != digest:
        raise ValueError("another record of samples")
    return SampleRecord.model_validate_json(json.dumps(content))


def refuse_changed_files(path: Path, record: SampleRecord) -> None:
    """Raise an OSError or a ValueError where a file is not what it was when the record in this file was written."""
    for name, digest in record.files.items():
        if sha256_of_file(path.parent / name) != digest:
            raise ValueError(f"{name} was changed")


def are_whole(path: Path) -> bool:
    """Tell if the samples are there that the record in a file speaks of, all as they were written."""
    try:
        refuse_changed_files(path, read_sample_record(path))
    except (OSError, ValueError):
        return False
    return True
