"""A run as lines for programs: one JSON object each on the error stream, with the time and its values."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from reliseg.results import Results
from reliseg.runtime.progress import Stage
from reliseg.runtime.progress.pace import Pace
from reliseg.runtime.progress.stages import NO_STAGE

_EVERY = 5.0
"""A stage says at most this often how far it is, in seconds."""


class JsonLog:
    """Writes what a run tells, each as a line: `{"time": .., "kind": "progress", "stage": "evaluate", ..}`."""

    def __init__(self) -> None:
        self._title, self._total, self._stage = "", 0, NO_STAGE
        self._pace = Pace()
        self._said, self._said_at = 0, 0.0

    def __enter__(self) -> "JsonLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say_progress()

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Say how far the stage before came, and what begins."""
        self._say_progress()
        self._title, self._total, self._stage = title, total, stage
        self._pace = Pace(stage.done)
        self._say("begin", **self._values())
        self._said, self._said_at = stage.done, time.monotonic()

    def advance(self, count: int = 1) -> None:
        """Count more samples, and say it from time to time."""
        self._pace.advance(count)
        if time.monotonic() - self._said_at >= _EVERY:
            self._say_progress()

    def end_shard(self, failed: int = 0) -> None:
        """Say nothing: `reliseg status` counts shards."""

    def note(self, text: str) -> None:
        """Say a line that is meant for the user."""
        self._say("note", text=text)

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._say("error", text=text)

    def finish(self, folder: Path, name: str = "", found: Results | None = None) -> None:
        """Say where results are, how many numbers they hold, and how many do not apply; `found` if they are known."""
        self._say_progress()
        results = found or Results.read(folder)
        undefined = sum(1 for row in results if row.why)
        path = f"{name or folder}/results.csv"
        self._say("results", path=path, numbers=len(results) - undefined, undefined=undefined)

    def end(self, exit_code: int) -> None:
        """Say how the command ended."""
        self._say("end", exit_code=exit_code)

    def _say_progress(self) -> None:
        if self._pace.done != self._said:
            rate, left = self._pace.rate(), self._pace.seconds_left(self._total)
            self._said, self._said_at = self._pace.done, time.monotonic()
            self._say("progress", **self._values(), rate=_short(rate), seconds_left=_short(left))

    def _values(self) -> dict[str, Any]:
        stage, total = self._stage, self._total
        names = {"stage": stage.kind, "model": stage.model, "domain": stage.domain}
        named = {name: value or None for name, value in names.items()}
        return {"title": self._title, **named, "done": self._pace.done, "total": total or None}

    def _say(self, kind: str, **values: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        line = json_text({"time": now, "kind": kind, **values})
        if sys.stderr is None:  # closed by whoever started the command
            return
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except OSError:
            pass  # nobody can be told, and the run is not about this


def json_text(value: object) -> str:
    """Return a value as JSON on one line, in ASCII, without anything that a terminal obeys."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
