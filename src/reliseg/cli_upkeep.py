"""The commands that work on folders of runs as wholes: `reliseg merge`, `reliseg prune`."""

from pathlib import Path
from typing import Annotated

import typer

from reliseg.cli_options import Log, reporter


def merge(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of the runs.")],
    out: Annotated[str, typer.Option(help="The folder that gets all of it: a new one, or that of a run.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse runs that were made on processors of different types.")
    ] = False,
    log: Log = "text",
) -> None:
    """Put together what several runs have stored, wherever they were carried out."""
    from reliseg.run.depot.open import local_folder
    from reliseg.run.upkeep.merge import Merge

    places = [local_folder(run) for run in (*runs, out)]
    with reporter(log) as progress:
        Merge(places[:-1], places[-1], strict, progress).execute()


def prune(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.")],
    keep: Annotated[
        list[Path],
        typer.Option(metavar="CONFIG.yaml", help="A configuration that the run shall still answer. Repeat for more."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    log: Log = "text",
) -> None:
    """Remove what a run has stored and none of these configurations asks for."""
    from reliseg.run.depot.open import local_folder
    from reliseg.run.folder import RunFolder
    from reliseg.run.upkeep.prune import Prune

    with reporter(log) as progress:
        Prune(RunFolder(local_folder(run)), keep, dry_run, progress).execute()
