"""What the processes of a run say of themselves, each in a small file, and what that makes together.

The files may be damaged, come from anyone, or be of another version: each is read up to a limit, and checked whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from reliseg.runtime.printable import printable
from reliseg.runtime.progress.process import birth, machine
from reliseg.runtime.progress.stages import Kind
from reliseg.runtime.regular_files import read_regular, reason_of

FILE_LIMIT = 1 << 16
TEXT_LIMIT = 500
"""Characters of a text."""
LINES_LIMIT = 5
"""Notes and errors that are kept, the last ones."""
STALE = 90.0
"""A process of another machine that has said nothing for so many seconds is lost; clocks may differ by some of them."""
STAGE_ORDER: tuple[Kind, ...] = ("sample", "fit", "evaluate", "measure")
_MOST_FILES = 20_000

State: TypeAlias = Literal["running", "done", "failed", "interrupted", "lost"]
Count: TypeAlias = Annotated[int, Field(ge=0, le=1 << 53)]
Number: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text: TypeAlias = Annotated[str, Field(max_length=TEXT_LIMIT)]
Lines: TypeAlias = Annotated[tuple[Text, ...], Field(max_length=LINES_LIMIT)]
Shards: TypeAlias = Annotated[dict[Kind, Count], Field(max_length=10)]
"""A number of shards for each stage; a fit is one, too."""


def short(text: str) -> str:
    """Return a text as it may stand in a status: on one line, and not too long."""
    shown = printable(text)
    return shown if len(shown) <= TEXT_LIMIT else f"{shown[: TEXT_LIMIT - 3]}..."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StageStatus(_Part):
    """What a process does now: `done` and `total` are images, or steps of a fit; `rate` is theirs in a second."""

    kind: Kind = ""
    title: Text = ""
    model: Text = ""
    domain: Text = ""
    done: Count = 0
    total: Count = 0
    rate: Number | None = None
    seconds_left: Number | None = None
    shard_rate: Number | None = None


class ProcessStatus(_Part):
    """What a process says of itself."""

    version: Literal[1] = 1
    state: State = "running"
    host: Text
    pid: Count
    machine: Text = ""
    birth: Text = ""
    configuration: Text = ""
    """What is equal for all that carry out the same configuration."""
    part: Text = ""
    """What of it the process was asked for, `evaluate 3/40`; empty where this is everything."""
    started: AwareDatetime
    updated: AwareDatetime
    total: Shards = {}
    """The shards of the whole configuration."""
    own: Shards = {}
    """Those of them that are this process's part."""
    stored: Shards = {}
    """Those of its part that were stored before."""
    finished: Shards = {}
    """Those that it has stored since."""
    failed: Shards = {}
    failed_samples: Count = 0
    stage: StageStatus = StageStatus()
    notes: Lines = ()
    errors: Lines = ()

    @property
    def done(self) -> Counter[Kind]:
        """The shards of its part that are there."""
        return Counter(self.stored) + Counter(self.finished)

    def seen(self, now: datetime) -> "ProcessStatus":
        """Return the status as it looks from here: a process that ended without a word is lost."""
        if self.state != "running":
            return self
        if self.machine and self.machine == machine():
            is_lost = birth(self.pid) != self.birth
        else:
            is_lost = (now - self.updated).total_seconds() > STALE
        return self.model_copy(update={"state": "lost"}) if is_lost else self


@dataclass(frozen=True)
class StageSum:
    """The shards of a stage of the whole configuration."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True)
class RunStatus:
    """What the processes of a run say together."""

    processes: tuple[ProcessStatus, ...]
    """Those at work, and of each part the one that was at work last."""
    stages: Mapping[Kind, StageSum]
    """Of the configuration that was begun last."""
    unreadable: tuple[str, ...] = ()
    """Files that are no status, with the reason."""

    @property
    def counts(self) -> dict[State, int]:
        """How many processes are in each state."""
        states: tuple[State, ...] = ("running", "done", "failed", "interrupted", "lost")
        counted = Counter(process.state for process in self.processes)
        return {state: counted[state] for state in states}

    @cached_property
    def running(self) -> tuple[ProcessStatus, ...]:
        """Those at work."""
        return tuple(process for process in self.processes if process.state == "running")

    @property
    def failed_samples(self) -> int:
        """How many images could not be evaluated."""
        return sum(process.failed_samples for process in self.processes)

    @property
    def rate(self) -> float | None:
        """The images a second of all that are at work."""
        rates = [process.stage.rate for process in self.running if process.stage.rate is not None]
        return sum(rates) if rates else None

    @property
    def seconds_left(self) -> float | None:
        """How long the stages take that are at work now, as far as this is known."""
        rates: Counter[Kind] = Counter()
        for process in self.running:
            rates[process.stage.kind] += process.stage.shard_rate or 0  # type: ignore[assignment]
        left = [(s.total - s.done) / rates[kind] for kind, s in self.stages.items() if rates[kind] > 0]
        own = [p.stage.seconds_left for p in self.running if p.stage.seconds_left is not None]
        return max(left or own, default=None)

    def values(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        counts: dict[str, Any] = {str(state): count for state, count in self.counts.items()}
        return counts | {
            "stages": {kind: vars(stage) for kind, stage in self.stages.items()},
            "failed_samples": self.failed_samples,
            "rate": self.rate,
            "seconds_left": self.seconds_left,
            "processes": [process.model_dump(mode="json") for process in self.processes],
            "unreadable": list(self.unreadable),
        }


def read_process(path: Path) -> ProcessStatus | str:
    """Return what a file says, or why it says nothing."""
    try:
        return ProcessStatus.model_validate_json(read_regular(path, FILE_LIMIT))
    except OSError as error:
        return reason_of(error)
    except ValidationError as error:
        is_other = any(fault["loc"] == ("version",) for fault in error.errors(include_url=False))
        return "it is of another version of reliseg" if is_other else "it is no status, or a damaged one"


def read_processes(folder: Path) -> dict[Path, ProcessStatus | str]:
    """Return what each file in a folder says, as it looks from here, or why it says nothing."""
    now = datetime.now(UTC)
    paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))[:_MOST_FILES]
    found = {path: read_process(path) for path in paths}
    return {path: read.seen(now) if isinstance(read, ProcessStatus) else read for path, read in found.items()}


def together(found: Mapping[Path, ProcessStatus | str]) -> RunStatus:
    """Return what the files of a run say together."""
    processes = [read for read in found.values() if isinstance(read, ProcessStatus)]
    unreadable = [f"{path.name}: {read}" for path, read in found.items() if isinstance(read, str)]
    shown = sorted(current(processes), key=lambda process: (process.state != "running", process.started))
    return RunStatus(tuple(shown), _stages(shown), tuple(unreadable))


def current(processes: Iterable[ProcessStatus]) -> list[ProcessStatus]:
    """Return those at work, and the others but for those whose part was begun again later, alone or with everything."""
    begun: dict[tuple[str, str], datetime] = {}
    whole: datetime | None = None
    shown = []
    for process in sorted(processes, key=lambda process: process.started, reverse=True):
        part = process.configuration, process.part
        if process.state == "running" or not (part in begun or whole):
            shown.append(process)
        begun.setdefault(part, process.started)
        whole = whole or (None if process.part else process.started)
    return shown


def _stages(shown: Iterable[ProcessStatus]) -> dict[Kind, StageSum]:
    """Return how far the configuration is that was begun last: what its parts say together.

    Parts that were cut otherwise overlap: those that say the most count.
    """
    planned = sorted((process for process in shown if process.total), key=lambda process: process.started)
    if not planned:
        return {}
    last = planned[-1]
    of_last = [process for process in planned if process.configuration == last.configuration]
    total: Counter[Kind] = Counter()
    failed: Counter[Kind] = Counter()
    by_cut: dict[str, Counter[Kind]] = {}
    for process in of_last:
        total |= Counter(process.total)
        failed.update(process.failed)
        by_cut.setdefault(process.part.partition("/")[2], Counter()).update(process.done)
    return {
        kind: StageSum(min(max(done[kind] for done in by_cut.values()), total[kind]), total[kind], failed[kind])
        for kind in STAGE_ORDER
        if total[kind]
    }
