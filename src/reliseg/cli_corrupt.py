"""The command that shows what corruptions do to an image: `reliseg corrupt`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from reliseg.errors import ConfigError
from reliseg.runtime.printable import printable


def corrupt(
    *,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image.")],
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="The file to write.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="A kind of corruption, or a group: all, noise, blur, weather, digital. Repeat for more."),
    ] = None,
    severity: Annotated[list[int] | None, typer.Option(help="1 to 5. Repeat for more.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of a run that uses it.")] = 0,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="SCENE/STEM", help="What runs call the image: for the same bytes.")
    ] = None,
) -> None:
    """Corrupt an image: one kind at one severity as it is, several as a contact sheet; by default all of both."""
    from reliseg.corruptions import SEVERITIES, Corrupted, chosen_kinds, known_severity
    from reliseg.data import load_image
    from reliseg.report.corruption_sheet import corruption_sheet
    from reliseg.report.pictures import write_png

    kinds = chosen_kinds(kind or ["all", "rain"])
    severities = [known_severity(one) for one in dict.fromkeys(severity or SEVERITIES)]
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out} is no .png, which keeps every byte; call it {out.stem}.png")
    pixels, name = load_image(image), id_ or image.stem
    corruptions = [Corrupted(one, level, seed) for one in kinds for level in severities]
    for problem in filter(None, (c.corruption.problem(pixels.shape[:2]) for c in corruptions)):
        raise ConfigError(f"{image}: {problem}")
    if len(corruptions) == 1:
        write_png(out, corruptions[0](pixels, name))
    else:
        write_png(out, corruption_sheet(pixels, name, corruptions))
    sys.stdout.write(f"{printable(str(out))}\n")
