"""The status of a run for people: its stages, and the processes that are at work."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from reliseg.errors import count_text
from reliseg.report.json_log import json_text
from reliseg.report.terminal import UNCUT, speed_text
from reliseg.runtime.printable import printable
from reliseg.runtime.progress.status import ProcessStatus, RunStatus

_NO_VALUE = "-"
_EVERY = 2.0
"""A watched run is looked at this often, in seconds."""


def status_view(run: str, status: RunStatus) -> RenderableType:
    """Return what the processes of a run do, and what that makes together."""
    blocks: list[RenderableType] = [Text(f"{printable(run)}: {headline(status)}")]
    if status.stages:
        blocks += [Text(), _stages(status)]
    shown = [process for process in status.processes if process.state != "done"]
    if shown:
        blocks += [Text(), _processes(shown)]
    lines = list(_lines(status))
    if lines:
        blocks += [Text(), *map(Text, lines)]
    return Group(*blocks)


def print_status(run: str, read: Callable[[], RunStatus], *, as_json: bool, watch: bool) -> None:
    """Print the status of a run; where it is watched, every few seconds until no process is at work."""
    while True:
        status = read()
        console = Console(width=UNCUT)
        if as_json:
            print(json_text({"run": str(run), **status.values()}), flush=True)
        else:
            if watch and console.is_terminal:
                console.clear()
            console.print(status_view(str(run), status))
        if not (watch and status.running):
            return
        time.sleep(_EVERY)


def headline(status: RunStatus) -> str:
    """Return how many processes are in which state, and the speed of all: `2 running, 1 lost; 6.2/s, 0:12:10 left`."""
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items() if count)
    speed = speed_text(status.rate, status.seconds_left)
    failed = f"{count_text(status.failed_samples, 'sample')} failed" if status.failed_samples else ""
    return "; ".join(filter(None, [counts or "no process has said that it is at work", failed, speed]))


def _stages(status: RunStatus) -> Table:
    table = _table("stage", "done", "of", "failed", right=(1, 2, 3))
    for kind, shards in status.stages.items():
        table.add_row(*_texts(kind, shards.done, shards.total, shards.failed or ""))
    return table


def _processes(processes: list[ProcessStatus]) -> Table:
    names = ("process", "part", "state", "stage", "model", "domain", "shards", "done", "speed", "since")
    table = _table(*names, right=(6, 7))
    now = datetime.now(UTC)
    for process in processes:
        stage = process.stage
        is_running = process.state == "running"
        table.add_row(
            *_texts(
                f"{process.host}:{process.pid}",
                process.part,
                process.state,
                stage.kind or stage.title,
                stage.model,
                stage.domain,
                f"{process.done[stage.kind]}/{own}" if (own := process.own.get(stage.kind)) else "",
                f"{stage.done}/{stage.total}" if stage.total else "",
                speed_text(stage.rate, stage.seconds_left) if is_running else "",
                _ago(now, process.started if is_running else process.updated),
            )
        )
    return table


def _lines(status: RunStatus) -> Iterator[str]:
    """Yield what went wrong, and the last note of each process that is at work."""
    for process in status.processes:
        name = f"{process.host}:{process.pid}"
        yield from (printable(f"{name}: {line}") for line in process.errors)
        if process.state == "running":
            yield from (printable(f"{name}: {line}") for line in process.notes[-1:])
    yield from (printable(line) for line in status.unreadable)


def _ago(now: datetime, then: datetime) -> str:
    return str(timedelta(seconds=max(round((now - then).total_seconds()), 0)))


def _table(*names: str, right: tuple[int, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="right" if place in right else "left")
    return table


def _texts(*cells: object) -> list[Text]:
    """Return cells that are shown as they are: a plain text might be taken for markup."""
    return [Text(printable(str(cell)) or _NO_VALUE) for cell in cells]
