"""The commands that show what runs have measured: `reliseg report`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from reliseg.runtime.printable import printable


def report(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="The folders of the runs.")],
    out: Annotated[Path, typer.Option(metavar="FILE.html", help="The file to write.")] = Path("report.html"),
) -> None:
    """Write one HTML file of what runs have measured: it opens in any browser and asks for no other file."""
    from reliseg.report.page import RunFiles, build_page
    from reliseg.run.depot.open import local_folder
    from reliseg.runtime.atomic_files import write_text

    files = [RunFiles.read(local_folder(run)) for run in runs]
    write_text(out, build_page(files))
    for line in dict.fromkeys(line for run in files for line in run.missing):
        sys.stderr.write(f"{printable(line)}\n")
    sys.stdout.write(f"{printable(str(out))}: open it in a browser\n")
