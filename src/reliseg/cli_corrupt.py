"""The command that shows what corruptions do to an image: `reliseg corrupt`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reliseg.errors import ConfigError
from reliseg.runtime.printable import printable

if TYPE_CHECKING:
    from reliseg.corruptions import Metres
    from reliseg.types import Image


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
    depth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The image's depth map, for depth_fog.", rich_help_panel="Depth")
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="The camera's file, where the spec names it.", rich_help_panel="Depth"),
    ] = None,
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="The data set spec that says what the depth map stores; cityscapes if left out.",
            rich_help_panel="Depth",
        ),
    ] = None,
) -> None:
    """Corrupt an image: one kind at one severity as it is, several as a contact sheet; by default all of both."""
    from reliseg.corruptions import SEVERITIES, Corrupted, chosen_kinds, known_severity
    from reliseg.report.corruption_sheet import corruption_sheet
    from reliseg.report.pictures import write_png

    kinds = chosen_kinds(kind or ["all", "rain", *(["depth_fog"] if depth else [])])
    severities = [known_severity(one) for one in dict.fromkeys(severity or SEVERITIES)]
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out} is no .png, which keeps every byte; call it {out.stem}.png")
    corruptions = [Corrupted(one, level, seed) for one in kinds for level in severities]
    needing = [c.kind for c in corruptions if c.reads_depth]
    if needing and depth is None:
        raise ConfigError(f"{needing[0]} needs to know how far everything is; give the image's depth map by --depth")
    if not needing and (given := _given(depth, camera, spec)):
        raise ConfigError(
            f"{given} is for corruptions that need depth; add --kind depth_fog and --depth, or leave it out"
        )
    pixels, metres = _loaded(image, depth, camera, spec or "cityscapes")
    name = id_ or image.stem
    for problem in filter(None, (c.corruption.problem(pixels.shape[:2]) for c in corruptions)):
        raise ConfigError(f"{image}: {problem}")
    if len(corruptions) == 1:
        write_png(out, corruptions[0](pixels, name, metres))
    else:
        write_png(out, corruption_sheet(pixels, name, corruptions, metres))
    sys.stdout.write(f"{printable(str(out))}\n")


def _given(depth: Path | None, camera: Path | None, spec: str | None) -> str:
    """Return the first option that is given."""
    options = {"--depth": depth, "--camera": camera, "--spec": spec}
    return next((option for option, value in options.items() if value is not None), "")


def _loaded(image: Path, depth: Path | None, camera: Path | None, spec: str) -> "tuple[Image, Metres | None]":
    """Return an image, and how far everything in it is, where that is asked for."""
    from reliseg.data import DataOptions, DepthFiles, load_image, load_with_depth, open_empty

    if depth is None:
        return load_image(image), None
    dataset = open_empty(DataOptions(spec=spec, root=Path()))
    reads_camera = dataset.depth is not None and dataset.depth.reads_camera
    if reads_camera and camera is None:
        raise ConfigError(f"the spec of {dataset.name} reads numbers of the camera in a file; give it by --camera")
    if camera is not None and not reads_camera:
        raise ConfigError(f"--camera: the spec of {dataset.name} reads nothing in such a file; leave it out")
    return load_with_depth(image, DepthFiles(str(depth), str(camera or "")), dataset)
