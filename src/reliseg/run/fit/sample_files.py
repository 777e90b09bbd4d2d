"""Where samples of a shard lie: in a place named by what determines them, in files named by what was requested."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reliseg.run.fit.requests import SampleRequest
from reliseg.run.predict.plugin_code import digest_of

_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class SampleFiles:
    """The files of one shard's samples, by the name of what was requested."""

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path, request: SampleRequest) -> "SampleFiles":
        """Return those of a request for the samples of this place."""
        return cls(folder, digest_of([request.quota, sorted(request.whole.items())])[:32])

    @classmethod
    def all_in(cls, folder: Path) -> Iterator["SampleFiles"]:
        """Yield those that are whole, or were, in a place."""
        return (cls(folder, p.stem) for p in sorted(folder.glob("*.json")) if _NAME.fullmatch(p.stem))

    @property
    def pixels(self) -> Path:
        """The path that the files of all sampled pixels are named after."""
        return self.folder / self.name

    @property
    def record(self) -> Path:
        """The file that says what is sampled, and what from."""
        return record_of(self.pixels)

    def part(self, at: int, writer: str) -> Path:
        """Return the path that the files of samples from place `at` on are named after, until the shard is whole.

        Each writer has its own: two that sample one shard at once do not meet.
        """
        return self.folder / f"{self.name}-{at:02d}-{writer}"

    def parts(self, at: int) -> list[Path]:
        """Return what the files of parts from place `at` on are named after, whoever wrote them."""
        return [path.with_suffix("") for path in sorted(self.folder.glob(f"{self.name}-{at:02d}-*.json"))]

    @property
    def whole_images(self) -> Path:
        """The folder of whole images."""
        return self.folder / f"{self.name}.whole"

    def whole_image(self, place: int) -> Path:
        """Return what the names of the files of the image at this place of the shard begin with."""
        return self.whole_images / f"{place:02d}"


def record_of(pixels: Path) -> Path:
    """Return the file that says what samples there are, of pixels whose files are named after a path."""
    return pixels.with_suffix(".json")
