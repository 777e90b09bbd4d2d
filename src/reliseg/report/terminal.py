"""A run on the terminal: progress with rate and time left, notes, and the table at the end."""

import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from reliseg.report.table import summary
from reliseg.results import Results
from reliseg.results.corruptions import read_corruptions
from reliseg.runtime.printable import printable
from reliseg.runtime.progress import Stage
from reliseg.runtime.progress.pace import Pace
from reliseg.runtime.progress.stages import NO_STAGE

UNCUT = 10_000
"""Columns of the table, at most: on a narrow terminal its lines are broken, and names are never shortened."""
_REASONS = 3
"""Of those why numbers do not apply, the most frequent are shown."""


_LOG_EVERY = 60.0
"""Where there is no terminal, a line says this often how far a stage is, in seconds."""


class _Speed(ProgressColumn):
    """The speed and the time left."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Return both, or nothing yet."""
        pace: Pace = task.fields["pace"]
        return Text(speed_text(pace.rate(), pace.seconds_left(int(task.total or 0))), style="cyan")


def speed_text(rate: float | None, seconds_left: float | None) -> str:
    """Return a speed in samples a second and the time left, as far as they are known: `3.1/s, 0:01:30 left`."""
    left = f"{timedelta(seconds=round(seconds_left))} left" if seconds_left is not None else ""
    return ", ".join(filter(None, [f"{rate:.{1 if rate >= 0.1 else 3}f}/s" if rate else "", left]))


class Terminal:
    """A progress bar on the error stream, so that the table alone is the output."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._pace = Pace()
        self._task = self._bar.add_task("", total=None, visible=False, pace=self._pace)
        self._stage, self._logged = ("", 0), 0.0

    def __enter__(self) -> "Terminal":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Begin a stage; a line for logs where there is no terminal, if something of it is left to do."""
        if not self._console.is_terminal and not (total and stage.done >= total):
            self.note(f"{title} ({total})" if total else title)
        self._stage, self._logged = (title, total), time.monotonic()
        self._pace = Pace(stage.done)
        self._bar.reset(
            self._task,
            description=printable(title),
            total=total,
            completed=stage.done,
            visible=True,
            pace=self._pace,
        )

    def advance(self, count: int = 1) -> None:
        """Count more samples; where there is no terminal, say each minute how far the stage is."""
        self._pace.advance(count)
        self._bar.advance(self._task, count)
        if not self._console.is_terminal and time.monotonic() - self._logged >= _LOG_EVERY:
            self._logged = time.monotonic()
            title, total = self._stage
            speed = speed_text(self._pace.rate(), self._pace.seconds_left(total))
            self.note(f"{title}: {self._pace.done} of {total}, {speed}")

    def end_shard(self, failed: int = 0) -> None:
        """Show nothing: `reliseg status` counts shards."""

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def finish(self, folder: Path, name: str = "", found: Results | None = None) -> None:
        """Print the table of the results, where they all are, and why some do not apply; `found` if they are known."""
        self._bar.stop()
        results = found or Results.read(folder)
        corruptions = read_corruptions(folder)
        corrupted = {(row.dataset, row.at) for row in corruptions}
        shown = Results(tuple(row for row in results if (row.dataset, row.domain) not in corrupted))
        tables = [summary(shown)] if len(shown) else []
        if corruptions:
            from reliseg.report.corruption_table import corruption_summary  # most runs have none

            tables.append(corruption_summary(corruptions))
        for table in tables:
            Console(width=UNCUT).print(table)
        reasons = Counter(row.why for row in results if row.why)
        self.note(f"{len(results) - reasons.total()} numbers: {f'{name or folder}/results.csv'}")
        if reasons:
            because = [f"{why} ({count})" for why, count in reasons.most_common(_REASONS)]
            rest = reasons.total() - sum(count for _, count in reasons.most_common(_REASONS))
            more = [f"other reasons ({rest})"] if rest else []
            self.note(f"{reasons.total()} do not apply here, because: {'; '.join([*because, *more])}")
