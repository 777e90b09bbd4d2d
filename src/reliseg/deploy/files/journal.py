"""Which images are done: a table that grows by a line for each, beside a note of what has predicted them."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from reliseg.errors import ConfigError, count_text
from reliseg.results.csv_text import csv_line, read_csv
from reliseg.runtime.atomic_files import is_temporary, write_text
from reliseg.runtime.regular_files import holds

SIDECAR, TABLE = "predictor.json", "images.csv"
_OWN = (SIDECAR, TABLE, ".lock", ".writing")


@dataclass(frozen=True)
class Line:
    """What the table says of an image: its file's sha256, some numbers, and the kinds of files that are there."""

    image: str
    sha256: str
    height: int
    width: int
    mean_confidence: float
    accepted_share: float | None
    written: str
    """Kinds, joined by `+`."""


_COLUMNS = [f.name for f in fields(Line)]


@dataclass(eq=False)
class Journal:
    """The table of a folder. A line is written when all files of its image are; one that was cut off does not count."""

    folder: Path
    _done: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict, init=False)

    def open(self, facts: dict[str, Any], files: dict[str, str]) -> None:
        """Make the folder that of a predictor, or go on with what that has done there.

        A ConfigError where another predictor has, or where the folder holds something else.
        """
        self._claim(facts, files)
        self._read()

    def is_done(self, image: str, sha256: str, kinds: Collection[str]) -> bool:
        """Tell if these files of an image were written, of a file with this content."""
        before, written = self._done.get(image, ("", frozenset()))
        return before == sha256 and written.issuperset(kinds)

    def add(self, line: Line) -> None:
        """Add the line of an image."""
        with (self.folder / TABLE).open("a", encoding="utf-8", newline="") as table:
            table.write(csv_line(getattr(line, name) for name in _COLUMNS))

    def _claim(self, facts: dict[str, Any], files: dict[str, str]) -> None:
        path = self.folder / SIDECAR
        if path.is_file():
            try:
                before = json.loads(path.read_text(encoding="utf-8"))
                same = {key: before[key] for key in facts} == json.loads(json.dumps(facts))
                names = f"{before['model']['name']} with {before['calibration']['name']}"
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(f"{path}: it is damaged; give another --out, or delete the folder") from error
            if not same:
                raise ConfigError(
                    f"{self.folder} holds predictions of {names}, or of other settings; give another --out"
                )
        else:
            others = [p.name for p in self.folder.iterdir() if p.name not in _OWN and not is_temporary(p.name)]
            if others:
                raise ConfigError(f"{self.folder} is not empty and holds no predictions; give another --out")
        content = json.dumps(facts | {"files": files}, indent=1) + "\n"
        if not holds(path, content.encode()):
            write_text(path, content)

    def _read(self) -> None:
        """Read what is done, and write the table anew without a line that was cut off, or without older lines."""
        path = self.folder / TABLE
        lines: dict[str, dict[str, str]] = {}
        if path.is_file():
            text = path.read_bytes()
            if not text.endswith(b"\n"):
                write_text(path, text[: text.rfind(b"\n") + 1].decode("utf-8", "replace"))
            lines = {row["image"]: row for row in read_csv(path) if set(row) == set(_COLUMNS)}
        head = csv_line(_COLUMNS)
        content = head + "".join(csv_line(row[name] for name in _COLUMNS) for row in lines.values())
        if not holds(path, content.encode()):
            write_text(path, content)
        for image, row in lines.items():
            self._done[image] = row["sha256"], frozenset(row["written"].split("+"))

    def __str__(self) -> str:
        return count_text(len(self._done), "image")
