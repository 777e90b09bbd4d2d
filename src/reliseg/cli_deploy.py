"""The commands that put a calibrated model to work: `reliseg predict` and `reliseg export`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from reliseg.cli_options import Log, Workers, reporter
from reliseg.errors import count_text
from reliseg.runtime.printable import printable

Model = Annotated[str | None, typer.Option(metavar="NAME", help="A model of the run, if it has several.")]
CalibrationName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A calibration of the model, as ts@camvid/cal, or identity; if it has several."),
]
ClassesOf = Annotated[
    str | None, typer.Option(metavar="NAME", help="The data set whose classes are predicted. Default: of the split.")
]


def predict(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or its address in s3://.")],
    images: Annotated[
        list[str],
        typer.Option(metavar="PLACE", help="A folder, 'DIR/*.png', LIST.txt, or an image. Repeat for more."),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the files; an interrupted command goes on there.")
    ],
    model: Model = None,
    calibration: CalibrationName = None,
    dataset: ClassesOf = None,
    write: Annotated[
        str, typer.Option(help="prediction,confidence,color,accepted,overlay,probabilities.")
    ] = "prediction,confidence",
    device: Annotated[
        str | None, typer.Option(help="Where the model runs: auto, cpu, cuda or cuda:0 .. Default: as in the run.")
    ] = None,
    workers: Workers = None,
    log: Log = "text",
) -> None:
    """Write calibrated predictions of images: classes, confidence, accepted pixels, pictures, probabilities."""
    from reliseg.config.short_form import split_list
    from reliseg.deploy.files.images import find_images
    from reliseg.deploy.files.predict import PredictionFiles
    from reliseg.deploy.loading import load_predictor
    from reliseg.runtime.workers import decoding_threads

    found = find_images(images)
    settings: dict[str, Any] = {} if device is None else {"device": device}
    predictor = load_predictor(run, model, calibration, dataset=dataset, **settings)
    with reporter(log) as progress:
        kinds, threads = tuple(split_list(write)), decoding_threads(workers)
        done = PredictionFiles(predictor, found, out, kinds, threads, progress).write()
    before = len(found.samples) - done
    more = f" ({before} were there)" if before else ""
    sys.stdout.write(printable(f"{count_text(done, 'image')} predicted{more}: {out}") + "\n")


def export(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file, which ends in .onnx or .pt2.")],
    model: Model = None,
    calibration: CalibrationName = None,
    dataset: ClassesOf = None,
    format: Annotated[
        Literal["onnx", "pt2"] | None,
        typer.Option(help="A graph for ONNX Runtime, or a program of torch.export. Default: by the ending of --out."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="H,W", help="Height and width of its images. Default: of the run's first one.")
    ] = None,
    dynamic: Annotated[bool, typer.Option("--dynamic", help="Let it take images of any size.")] = False,
    head_only: Annotated[
        bool, typer.Option("--head-only", help="Let it begin with the network's logits, in the place of images.")
    ] = False,
    images: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="Images to compare it on. Default: of the run's data. Repeat for more."),
    ] = None,
) -> None:
    """Write a model with its calibration as one graph: images in; classes, confidence and accepted pixels out."""
    from reliseg.deploy.export.wishes import Wishes, check_place, parse_size

    form: Any = format or out.suffix.lower().removeprefix(".")
    wishes = Wishes(form, parse_size(size), dynamic, head_only)
    check_place(out, wishes.format)
    wishes.check_packages()
    from reliseg.deploy.export.export import export as export_predictor
    from reliseg.deploy.export.frames import find_frames
    from reliseg.deploy.loading import load_predictor
    from reliseg.deploy.stored_run import StoredRun, place_to_read

    folder = place_to_read(run)
    predictor = load_predictor(folder, model, calibration, dataset=dataset, device="cpu")
    frames = find_frames(StoredRun(folder, run), predictor, images or [])
    written = export_predictor(predictor, wishes, frames, out)
    sys.stdout.write(printable(written.text()) + "\n")
