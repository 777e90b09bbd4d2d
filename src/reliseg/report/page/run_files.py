"""The files of a run that the page reads, and in plain words which of them are missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reliseg.results import Results, read_csv
from reliseg.results.curves import CURVES_FILE, Curves, DomainCurves
from reliseg.results.replicates import Replicates

Place: TypeAlias = tuple[str, str, str, str]
"""A model, a data set, a domain of it and a calibration, in the names of the run."""


@dataclass(frozen=True)
class RunFiles:
    """What the page reads of one run. `missing` has a line for each file that is not there."""

    name: str
    results: Results
    curves: Curves
    images: tuple[Mapping[str, str], ...]
    replicates: Replicates
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> "RunFiles":
        """Read a run's folder; a DataError where it has no results, or a file is not what it should be."""
        results = Results.read(folder)
        missing, curves, images = [], folder / CURVES_FILE, folder / "images.csv"
        again = f"reliseg results {folder} writes it from what is stored"
        if not curves.is_file():
            missing.append(f"{curves} is not there: no diagrams, curves and confusion matrices; {again}")
        if not images.is_file():
            missing.append(f"{images} is not there: no worst images; {again}")
        return cls(
            folder.absolute().name,
            results,
            Curves.read(curves) if curves.is_file() else Curves(()),
            tuple(read_csv(images)) if images.is_file() else (),
            Replicates(folder),
            tuple(missing),
        )

    def placed_curves(self) -> Iterator[tuple[Place, DomainCurves]]:
        """Yield what charts need, each with its place."""
        return (((c.model, c.dataset, c.domain, c.calibration), c) for c in self.curves)

    def placed_images(self) -> Iterator[tuple[Place, Mapping[str, str]]]:
        """Yield the lines of images, each with its place."""
        return (((i["model"], i["dataset"], i["domain"], i["calibration"]), i) for i in self.images)
