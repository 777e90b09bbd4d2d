"""The commands that work on folders of runs as wholes: `reliseg merge`, `reliseg prune`."""

from pathlib import Path
from typing import Annotated

import typer

from reliseg.cli_options import Log, reporter


def merge(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The runs: folders, or addresses in s3://.")],
    out: Annotated[str, typer.Option(help="The folder or address that gets all of it: a new one, or that of a run.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse runs that were made on processors of different types.")
    ] = False,
    log: Log = "text",
) -> None:
    """Put together what several runs have stored, wherever they were carried out."""
    from reliseg.run.upkeep.merge import Merge

    with reporter(log) as progress:
        Merge(runs, out, strict, progress).execute()


def prune(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or its address in s3://.")],
    keep: Annotated[
        list[Path],
        typer.Option(metavar="CONFIG.yaml", help="A configuration that the run shall still answer. Repeat for more."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    log: Log = "text",
) -> None:
    """Remove what a run has stored and none of these configurations asks for."""
    from reliseg.run.depot.open import open_depot
    from reliseg.run.folder import RunFolder
    from reliseg.run.upkeep.prune import Prune

    folder, depot = open_depot(run)
    with reporter(log) as progress:
        Prune(RunFolder(folder), keep, dry_run, progress, depot).execute()
