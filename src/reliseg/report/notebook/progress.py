"""The progress of an evaluation that Python shows: a bar below the cell of a notebook, or on the terminal."""

import time
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Protocol, TypeAlias

from rich.console import Console

from reliseg.report.terminal import Terminal, speed_text
from reliseg.runtime.printable import printable
from reliseg.runtime.progress import Stage
from reliseg.runtime.progress.pace import Pace
from reliseg.runtime.progress.stages import NO_STAGE

_APART = 0.25
"""Seconds between two pictures of the bar."""
_NOTES = 20


class Shown(Protocol):
    """What is shown, and can be replaced."""

    def __call__(self, html: str) -> object:
        """Show this in its place."""


Show: TypeAlias = Callable[[str], Shown]
"""Shows some HTML."""


def shown_progress() -> "Terminal | NotebookBar":
    """Return what shows the progress here, for a `with` statement."""
    return NotebookBar() if Console().is_jupyter else Terminal()


class NotebookBar:
    """A bar of the stage in the output of a cell, with its speed and the time left; notes stay below it."""

    def __init__(self, show: Show | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._show, self._clock = show or _show_in_cell, clock
        self._replace: Shown | None = None
        self._title, self._total, self._pace = "", 0, Pace()
        self._notes: list[str] = []
        self._drawn = -_APART

    def __enter__(self) -> "NotebookBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the notes, and where it stopped if it did."""
        if kind is None:
            self._title = ""
        self._draw()

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Begin a stage."""
        self._title, self._total, self._pace = title, total, Pace(stage.done)
        self._draw()

    def advance(self, count: int = 1) -> None:
        """Count more samples."""
        self._pace.advance(count)
        if self._clock() - self._drawn >= _APART:
            self._draw()

    def end_shard(self, failed: int = 0) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show a line below the bar."""
        self._notes.append(text)
        self._draw()

    def _draw(self) -> None:
        self._drawn = self._clock()
        html = f"<div>{self._bar()}{self._lines()}</div>"
        if self._replace is None:
            self._replace = self._show(html)
        else:
            self._replace(html)

    def _bar(self) -> str:
        if not self._title:
            return ""
        title, done = escape(printable(self._title)), self._pace.done
        if not self._total:
            return f"<div>{title}</div>"
        said = ", ".join(
            filter(
                None,
                [f"{done} of {self._total}", speed_text(self._pace.rate(), self._pace.seconds_left(self._total))],
            )
        )
        bar = f'<progress value="{done}" max="{self._total}" aria-label="{title}"></progress>'
        return f"<div>{title} {bar} {escape(said)}</div>"

    def _lines(self) -> str:
        shown = [f"<div>{escape(printable(line))}</div>" for line in self._notes[-_NOTES:]]
        hidden = len(self._notes) - len(shown)
        return "".join([f"<div>{hidden} lines before</div>" if hidden else "", *shown])


def _show_in_cell(html: str) -> Shown:
    from IPython.display import HTML, display

    handle = display(HTML(html), display_id=True)
    return lambda html: handle.update(HTML(html))
