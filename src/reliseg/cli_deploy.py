"""The commands that put a calibrated model to work: `reliseg predict`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from reliseg.cli_options import Log, Workers, reporter
from reliseg.errors import count_text
from reliseg.runtime.printable import printable


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
    model: Annotated[str | None, typer.Option(metavar="NAME", help="A model of the run, if it has several.")] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A calibration of the model, as ts@camvid/cal, or identity; if it has several."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The data set whose classes are predicted. Default: of the split."),
    ] = None,
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
