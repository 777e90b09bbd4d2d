"""A run on the terminal: progress with rate and time left, notes, and the table at the end."""

from collections import Counter
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
    TimeRemainingColumn,
)
from rich.text import Text

from reliseg.report.table import summary
from reliseg.results import Results
from reliseg.runtime.printable import printable

_UNCUT = 10_000
"""Columns of the table, at most: on a narrow terminal its lines are broken, and names are never shortened."""
_REASONS = 3
"""Of those why numbers do not apply, the most frequent are shown."""


class _Rate(ProgressColumn):
    """The speed in samples a second."""

    def render(self, task: Task) -> Text:
        """Return the speed, or nothing yet."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="cyan")


class Terminal:
    """A progress bar on the error stream, so that the table alone is the output."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> "Terminal":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, title: str, total: int) -> None:
        """Begin a stage; a line for logs where there is no terminal."""
        if not self._console.is_terminal:
            self.note(f"{title} ({total})" if total else title)
        self._bar.reset(self._task, description=printable(title), total=total, visible=True)

    def advance(self) -> None:
        """Count one more sample."""
        self._bar.advance(self._task)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def finish(self, folder: Path) -> None:
        """Print the table of a run's results, where they all are, and why some do not apply."""
        self._bar.stop()
        results = Results.read(folder)
        if len(results):
            Console(width=_UNCUT).print(summary(results))
        reasons = Counter(row.why for row in results if row.why)
        self.note(f"{len(results) - reasons.total()} numbers: {folder / 'results.csv'}")
        if reasons:
            because = [f"{why} ({count})" for why, count in reasons.most_common(_REASONS)]
            rest = reasons.total() - sum(count for _, count in reasons.most_common(_REASONS))
            more = [f"other reasons ({rest})"] if rest else []
            self.note(f"{reasons.total()} do not apply here, because: {'; '.join([*because, *more])}")
