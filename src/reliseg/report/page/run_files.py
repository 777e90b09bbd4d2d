"""The files of a run that the page reads, and in plain words which of them are missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reliseg.results import ImageTable, Results
from reliseg.results.corruptions import CorruptionRow, read_corruptions
from reliseg.results.curves import Curves, DomainCurves
from reliseg.results.images import IMAGES_FILE
from reliseg.results.names import CORRUPTIONS_FILE, CURVES_FILE, PICTURES_FOLDER
from reliseg.results.pictures import PictureIndex
from reliseg.results.replicates import Replicates

Place: TypeAlias = tuple[str, str, str, str]
"""A model, a data set, a domain of it and a calibration, in the names of the run."""


@dataclass(frozen=True)
class RunFiles:
    """What the page reads of one run. `missing` has a line for each file that is not there."""

    name: str
    results: Results
    curves: Curves
    images: ImageTable | None
    replicates: Replicates
    pictures: PictureIndex | None = None
    folder: Path = Path()
    corruptions: tuple[CorruptionRow, ...] = ()
    """What corruptions cost; none where nothing is corrupted."""
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, run: str | Path) -> "RunFiles":
        """Read a run by its folder or its address; a DataError where it has no results, or a file is damaged."""
        results = Results.read(run)
        folder = results.folder(CURVES_FILE, IMAGES_FILE, PICTURES_FOLDER, CORRUPTIONS_FILE)
        missing, curves, images = [], folder / CURVES_FILE, folder / IMAGES_FILE
        again = f"reliseg results {run} writes it from what is stored"
        if not curves.is_file():
            missing.append(f"{run}/{CURVES_FILE} is not there: no diagrams, curves and confusion matrices; {again}")
        if not images.is_file():
            missing.append(f"{run}/{IMAGES_FILE} is not there: no worst images; {again}")
        return cls(
            Path(results.source.run if results.source else run).name,
            results,
            Curves.read(curves) if curves.is_file() else Curves(()),
            ImageTable.read(images) if images.is_file() else None,
            results.replicates(),
            PictureIndex.read(folder),
            folder,
            tuple(read_corruptions(folder)),
            tuple(missing),
        )

    def picture(self, name: str) -> Path:
        """Return the path of a file of pictures."""
        return self.folder / PICTURES_FOLDER / name

    def placed_curves(self) -> Iterator[tuple[Place, DomainCurves]]:
        """Yield what charts need, each with its place."""
        return (((c.model, c.dataset, c.domain, c.calibration), c) for c in self.curves)

    def placed_images(self) -> Iterator[tuple[Place, ImageTable]]:
        """Yield the images of each place."""
        yield from self.images.by_state().items() if self.images is not None else ()
