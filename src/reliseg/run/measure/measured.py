"""What is measured of a model, and how it is kept: what is known already is not measured again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reliseg.results import Row
from reliseg.run.context import RunContext
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import sha256_of_file


@dataclass(frozen=True)
class Measured:
    """What is measured of one model, in the order of the plan."""

    rows: list[Row] = field(default_factory=list)
    reliability: list[str] = field(default_factory=list)
    """The lines of its reliability table."""
    curves: list[str] = field(default_factory=list)
    """What charts need, a line each."""
    images: list[str] = field(default_factory=list)
    """A line for each image of each domain, under each calibration."""
    notes: list[str] = field(default_factory=list)
    """What is unusual about a domain's masks."""
    files: list[Path] = field(default_factory=list)
    """The replicates that were written."""

    def extend(self, other: "Measured") -> None:
        """Add what another one has after what this one has."""
        for mine in fields(self):
            getattr(self, mine.name).extend(getattr(other, mine.name))


@dataclass(frozen=True)
class _Kept:
    """The same in a file. Rows are lists of values: names in each would take three times as long."""

    rows: list[tuple[Any, ...]]
    reliability: list[str]
    curves: list[str]
    images: list[str]
    notes: list[str]
    files: dict[str, str]
    """The sha256 of each, by its name in the folder of the run."""


_COLUMNS = tuple(f.name for f in fields(Row))


def keep(context: RunContext, key: str, measured: Mapping[str, Measured]) -> None:
    """Keep what was measured, by calibration, and the replicates that belong to it."""
    context.depot.put(*(path for one in measured.values() for path in one.files))
    context.kept.write(key, {name: _packed(context, one) for name, one in measured.items()})


def recall(context: RunContext, key: str) -> dict[str, Measured] | None:
    """Return what was measured; None where that is not known, or a file that was written then is another one now."""
    content = context.kept.read(key)
    if content is None:
        return None
    try:
        return {
            name: _unpacked(context, kept)
            for name, kept in checker(dict[str, _Kept]).validate_python(json.loads(content)).items()
        }
    except (OSError, ValueError, RecursionError, ValidationError):
        return None


def _packed(context: RunContext, measured: Measured) -> dict[str, Any]:
    lists = {name: getattr(measured, name) for name in ("reliability", "curves", "images", "notes")}
    root = context.folder.path
    files = {path.relative_to(root).as_posix(): sha256_of_file(path) for path in measured.files}
    return {"rows": [list(vars(row).values()) for row in measured.rows], **lists, "files": files}


def _unpacked(context: RunContext, kept: _Kept) -> Measured:
    files = []
    for name, digest in kept.files.items():
        path = context.folder.path / name
        if not path.is_relative_to(context.folder.replicates) or ".." in path.parts:
            raise ValueError(f"{name} is no file of replicates")
        context.depot.fetch(path.parent, stem=path.name)
        if sha256_of_file(path) != digest:
            raise ValueError(f"{path} is another file")
        files.append(path)
    rows = checker(list[Row]).validate_python([dict(zip(_COLUMNS, row, strict=True)) for row in kept.rows])
    return Measured(rows, kept.reliability, kept.curves, kept.images, kept.notes, files)
