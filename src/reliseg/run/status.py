"""What a process does in a run's folder, said in a small file there, for whoever watches the run from elsewhere."""

import os
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType

from reliseg.errors import ConfigError, ReliSegError, error_text
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Kind, Progress, Stage
from reliseg.runtime.progress.pace import Pace
from reliseg.runtime.progress.process import birth, host, machine
from reliseg.runtime.progress.stages import NO_STAGE
from reliseg.runtime.progress.status import (
    LINES_LIMIT,
    ProcessStatus,
    RunStatus,
    StageStatus,
    State,
    current,
    read_processes,
    short,
    together,
)

STATUS_FOLDER = "status"
_EVERY = 2.0
"""The file is written at most this often, in seconds, but for the beginning of a stage."""
_HEARTBEAT = 15.0
"""It is written at least this often, in seconds: else others take the process for lost."""
_TOLD_EVERY = 30.0
"""To those who look from elsewhere it is given at least this often, in seconds."""
_PATIENCE = 1.0
"""At the end, a disk that does not answer is waited for no longer, in seconds."""
_SHARD_WINDOW = 600.0
_numbers = count(1)
_RUN_FILES = ("config.yaml", "configurations", STATUS_FOLDER)


class Watch:
    """The progress of a process, told on and written to `RUN/status/HOST-PID.json` by a thread of its own.

    Nothing that goes wrong there, and no disk that is slow, disturbs the run. A run's folder that is not there yet is
    not made.
    """

    def __init__(self, folder: Path, progress: Progress, configuration: str = "", depot: Depot | None = None) -> None:
        self._run, self._progress, self._depot = folder, progress, depot or LocalDepot()
        name = re.sub(r"[^\w.-]", "_", host(), flags=re.ASCII).lstrip(".")[:100]
        number = next(_numbers)
        more = f"-{number}" if number > 1 else ""  # a program may carry out several parts
        self._path = folder / STATUS_FOLDER / f"{name}-{os.getpid()}{more}.json"
        now, process = datetime.now(UTC), os.getpid()
        self._fixed = ProcessStatus(
            host=short(host()),
            pid=process,
            machine=machine(),
            birth=birth(process),
            started=now,
            updated=now,
            configuration=short(configuration),
        )
        self._state: State = "running"
        self._title, self._total, self._stage, self._pace = "", 0, NO_STAGE, Pace()
        self._total_shards: dict[Kind, int] = {}
        self._own: dict[Kind, int] = {}
        self._stored: Counter[Kind] = Counter()
        self._stored_is_known = False
        self._shard_paces: dict[Kind, Pace] = {"": Pace(window=_SHARD_WINDOW)}
        self._finished: Counter[Kind] = Counter()
        self._failed: Counter[Kind] = Counter()
        self._failed_samples = 0
        self._notes: deque[str] = deque(maxlen=LINES_LIMIT)
        self._errors: deque[str] = deque(maxlen=LINES_LIMIT)
        self._lock, self._wake, self._ended = threading.Lock(), threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None

    def __enter__(self) -> "Watch":
        self._state = "running"
        self._ended.clear()
        self._writer = threading.Thread(target=self._write_on, name="status of the run", daemon=True)
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._state = "done" if error is None else "failed" if isinstance(error, Exception) else "interrupted"
            if isinstance(error, Exception):
                lines = error.lines if isinstance(error, ReliSegError) else (error_text(error),)
                self._errors.extend(map(short, lines[:LINES_LIMIT]))
        self._ended.set()
        self._wake.set()
        if self._writer is not None:
            self._writer.join(_PATIENCE)

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Begin a stage of `total` samples: the file says so at once."""
        self._progress.begin(title, total, stage)
        with self._lock:
            self._title, self._total, self._stage, self._pace = title, total, stage, Pace(stage.done)
            if stage.shards and not self._stored_is_known:
                self._stored[stage.kind] += stage.shards
            self._shard_paces.setdefault(stage.kind, Pace(window=_SHARD_WINDOW))
        self._wake.set()

    def advance(self, count: int = 1) -> None:
        """Count more samples of the stage."""
        self._progress.advance(count)
        self._pace.advance(count)

    def note(self, text: str) -> None:
        """Keep a line among the last ones."""
        self._progress.note(text)
        with self._lock:
            self._notes.append(short(text))

    def end_shard(self, failed: int = 0) -> None:
        """Count a shard of the stage: as done, or as failed where some of its samples could not be evaluated."""
        self._progress.end_shard(failed)
        kind = self._stage.kind
        with self._lock:
            if failed:
                self._failed[kind] += 1
                self._failed_samples += failed
            else:
                self._finished[kind] += 1
        self._shard_paces[kind].advance()

    def plan(
        self, total: Mapping[Kind, int], own: Mapping[Kind, int], stored: Mapping[Kind, int] | None = None
    ) -> None:
        """Say how many shards each stage of the whole configuration has, and how many this process's part of it.

        `stored` are those of its part that are there. Without it, they are counted as stages begin.
        """
        with self._lock:
            self._total_shards, self._own = dict(total), dict(own)
            self._stored, self._stored_is_known = Counter(stored or {}), stored is not None

    def doing(self, part: str) -> "Watch":
        """Return itself, with the part of a run that this process was asked for, like `evaluate 3/40`."""
        self._fixed = self._fixed.model_copy(update={"part": short(part)})
        return self

    def _status(self) -> ProcessStatus:
        with self._lock:
            pace, kind = self._pace, self._stage.kind
            now = StageStatus(
                kind=kind,
                title=short(self._title),
                model=short(self._stage.model),
                domain=short(self._stage.domain),
                done=pace.done,
                total=self._total,
                rate=pace.rate(),
                seconds_left=pace.seconds_left(self._total),
                shard_rate=self._shard_paces[kind].rate(),
            )
            changes = {
                "state": self._state,
                "updated": datetime.now(UTC),
                "total": dict(self._total_shards),
                "own": dict(self._own),
                "stored": dict(self._stored),
                "finished": dict(self._finished),
                "failed": dict(self._failed),
                "failed_samples": self._failed_samples,
                "stage": now,
                "notes": tuple(self._notes),
                "errors": tuple(self._errors),
            }
        return self._fixed.model_copy(update=changes)

    def _write_on(self) -> None:
        """Write the file where something has changed, until the end."""
        with suppress(Exception):
            self._depot.remove(*_replaced(self._run / STATUS_FOLDER))
        written, waited, told = "", 0.0, _Told()
        while True:
            is_last = self._ended.is_set()
            with suppress(Exception):  # whatever it is, the run goes on
                now = self._status()
                text = now.model_copy(update={"updated": now.started}).model_dump_json()
                if self._run.is_dir() and (text != written or waited >= _HEARTBEAT):
                    write_text(self._path, now.model_dump_json())
                    written, waited = text, 0.0
                    if is_last or told.is_due(now.stage.title):
                        self._depot.tell(self._path)
            if is_last:
                return
            self._ended.wait(_EVERY / 10)  # stages that are over at once are not worth a file each
            self._wake.wait(_EVERY)
            self._wake.clear()
            waited += _EVERY


def read_status(run: Path, name: str = "") -> RunStatus:
    """Return what the processes in a run's folder say; a ConfigError, with what users call it, where it is none."""
    try:
        is_run = any((run / name).exists() for name in _RUN_FILES)
    except (OSError, ValueError):
        is_run = False
    if not is_run:
        raise ConfigError(f"{name or run}: it is no folder of a run; give the --out of reliseg run")
    return together(read_processes(run / STATUS_FOLDER))


class _Told:
    """When those who look from elsewhere were told last."""

    def __init__(self) -> None:
        self._stage, self._time = "", -_TOLD_EVERY

    def is_due(self, stage: str) -> bool:
        """Tell if they are to be told again: at the beginning of a stage, and from time to time."""
        now = time.monotonic()
        if stage == self._stage and now < self._time + _TOLD_EVERY:
            return False
        self._stage, self._time = stage, now
        return True


def _replaced(folder: Path) -> list[Path]:
    """Return the files of processes whose parts were begun again later."""
    found = read_processes(folder)
    kept = {id(process) for process in current(read for read in found.values() if isinstance(read, ProcessStatus))}
    return [path for path, read in found.items() if isinstance(read, ProcessStatus) and id(read) not in kept]
