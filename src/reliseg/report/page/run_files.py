"""The files of a run that the page reads, and in plain words which of them are missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reliseg.results import Results, read_csv


@dataclass(frozen=True)
class RunFiles:
    """What the page reads of one run. `missing` has a line for each file that is not there."""

    name: str
    results: Results
    curves: tuple[Mapping[str, Any], ...] = ()
    images: tuple[Mapping[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "RunFiles":
        """Read a run's folder; a DataError where it has no results."""
        results = Results.read(folder)
        missing, curves, images = [], folder / "curves.json", folder / "images.csv"
        again = f"reliseg results {folder} writes it from what is stored"
        if not curves.is_file():
            missing.append(f"{curves} is not there: no diagrams, curves and confusion matrices; {again}")
        if not images.is_file():
            missing.append(f"{images} is not there: no worst images; {again}")
        return cls(
            folder.absolute().name,
            results,
            tuple(json.loads(curves.read_bytes())["states"]) if curves.is_file() else (),
            tuple(read_csv(images)) if images.is_file() else (),
            tuple(missing),
        )
