"""The configurations that a run's folder was asked, and what each was answered with."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from reliseg.calibration.records.seal import seal_of
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import holds, read_regular, sha256_of_file

_LARGEST = 1 << 30
CALIBRATION = "calibration "
"""What parts that are calibrations begin with: one that was not asked before has not changed."""

PartsByName: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]
"""What determined statistics, part by part, by domain, by model."""


@dataclass(frozen=True)
class Answer:
    """What a configuration was answered with."""

    identity: str
    """A digest of all statistics and calibrations that were used, and of the code that made numbers of them."""
    parts: PartsByName
    pieces: tuple[str, ...]
    """The files of statistics that were used, from the folder of the run."""
    fitted: tuple[str, ...]
    """The folders of calibrations, likewise."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The sha256 of the files of results, likewise."""
    measured: tuple[str, ...] = ()
    """The files that keep what was measured, likewise."""
    problems: tuple[str, ...] = ()
    """What was incomplete."""


@dataclass(frozen=True, eq=False)
class Answers:
    """The folder `configurations` of a run."""

    folder: Path
    depot: Depot = field(default_factory=LocalDepot)

    def keep(self, configuration: str) -> None:
        """Keep a configuration that is asked."""
        path = self._path(configuration, ".yaml")
        if not holds(path, configuration.encode()):
            write_text(path, configuration)
        self.depot.put(path)

    def write(self, configuration: str, answer: Answer) -> None:
        """Keep what a configuration is answered with."""
        path = self._path(configuration, ".json")
        content = asdict(answer)
        write_text(path, json.dumps({"answer": content, "sha256": seal_of(content)}))
        self.depot.put(path)

    def of(self, configuration: str) -> Answer | None:
        """Return what a configuration was answered with, or None."""
        return self._read(self._path(configuration, ".json"))

    def latest(self) -> list[Answer]:
        """Return all answers, the latest first."""
        try:
            paths = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        except OSError:
            return []
        return [answer for answer in map(self._read, paths) if answer is not None]

    def _read(self, path: Path) -> Answer | None:
        try:
            outer = json.loads(read_regular(path, _LARGEST))
            content = outer["answer"]
            if outer["sha256"] != seal_of(content):
                return None
            return checker(Answer).validate_python(content)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, ValidationError):
            return None

    def _path(self, configuration: str, ending: str) -> Path:
        return self.folder / f"{hashlib.sha256(configuration.encode()).hexdigest()[:16]}{ending}"


def hold_still(folder: Path, answer: Answer) -> bool:
    """Tell if the files of results hold what they were written with."""
    try:
        return bool(answer.files) and all(sha256_of_file(folder / name) == d for name, d in answer.files.items())
    except OSError:
        return False


def changed_parts(before: PartsByName, model: str, domain: str, now: Mapping[str, str]) -> str | None:
    """Return which parts of a model's statistics on a domain are others than before; None if none is."""
    known = before.get(model, {}).get(domain)
    if known is None:
        return None
    names = dict.fromkeys([*now, *known])
    asked_twice = [n for n in names if not n.startswith(CALIBRATION) or (n in now and n in known)]
    changed = [name for name in asked_twice if now.get(name) != known.get(name)]
    return f"the {' and the '.join(changed)} changed" if changed else None
