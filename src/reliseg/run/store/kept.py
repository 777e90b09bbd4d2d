"""What was computed of statistics before: small files in a run's folder, named by all that determined them."""

import gzip
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import read_regular

_LARGEST = 1 << 30


def read_kept(path: Path) -> bytes | None:
    """Return the JSON in a file; None where there is none, or none that is whole."""
    try:
        return gzip.decompress(read_regular(path, _LARGEST)) or None
    except (OSError, EOFError, zlib.error):
        return None


@dataclass(frozen=True, eq=False)
class KeptFiles:
    """The folder `measured` of a run. Files are named by all that they depend on, so none is ever changed."""

    folder: Path
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find them."""
    asked: dict[Path, None] = field(default_factory=dict, init=False)
    """The files that were read or written here, in order."""

    def read(self, key: str) -> bytes | None:
        """Return the JSON that is kept under a name; None where there is none, or none that is whole."""
        path = self._path(key)
        self.asked[path] = None
        self.depot.fetch(path.parent, stem=path.name)
        return read_kept(path)

    def write(self, key: str, content: Any) -> None:
        """Keep plain values under a name."""
        packed = gzip.compress(to_json(content, inf_nan_mode="constants"), 1, mtime=0)
        path = self._path(key)
        self.asked[path] = None
        write_atomically(path, lambda file: file.write(packed))
        self.depot.put(path)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json.gz"
