"""Real images that an exported file is compared on: some of the run's data, or those that a user names."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reliseg.data import DataSet, load
from reliseg.deploy.export.wishes import Size
from reliseg.deploy.files.images import find_images
from reliseg.deploy.inputs import read_image
from reliseg.deploy.predictor import Predictor
from reliseg.deploy.stored_run import StoredRun
from reliseg.errors import ConfigError, SampleError, UsageError
from reliseg.models.inference.resizing import resize_image
from reliseg.plan.open import open_configured_dataset
from reliseg.types import Image

FRAMES = 4
_ADVICE = "give --images, some of those that the model is for"


def find_frames(stored: StoredRun, predictor: Predictor, places: Sequence[str]) -> list[Image]:
    """Return at most so many images, of as many domains as there are; a UsageError where none can be had."""
    if places:
        found = find_images(places)
        paths = [str(found.root / sample.image) for sample in found.samples]
        return [_pixels(predictor.dataset, path) for path in _spread(paths)]
    try:
        frames = list(_of_run(stored, predictor))
    except (UsageError, SampleError, OSError) as error:
        raise ConfigError(f"the images of {stored.name} cannot be read here ({error}); {_ADVICE}") from error
    if not frames:
        raise ConfigError(f"{stored.name} has no images of {predictor.dataset.name}; {_ADVICE}")
    return frames


def at_size(frame: Image, size: Size) -> Image:
    """Return the frame at a size."""
    return np.ascontiguousarray(resize_image(frame, size))


def _of_run(stored: StoredRun, predictor: Predictor) -> Iterator[Image]:
    """Yield an image of each of the first domains, the calibration split's first."""
    config = stored.config
    sections = [section for section in config.datasets if section.name == predictor.dataset.name]
    split = predictor.acceptance.split.partition("/")[2]
    for section in sections or config.datasets:
        dataset = open_configured_dataset(section, stored.folder)
        own = [domain for domain in dataset.domains.values() if not domain.union and domain.samples]
        own.sort(key=lambda domain: domain.name != split)
        chosen = [domain.samples[0] for domain in own][:FRAMES]
        chosen += [s for domain in own for s in domain.samples[1:FRAMES]][: FRAMES - len(chosen)]
        for sample in chosen:
            image = load(dataset, replace(sample, mask=None)).image
            assert image is not None, "it was asked for"
            yield image
        return


def _pixels(dataset: DataSet, path: str) -> Image:
    _, decoded = read_image(dataset, 1, Path(path))
    assert decoded.image is not None, "it was asked for"
    return decoded.image


def _spread(paths: Sequence[str]) -> list[str]:
    """Return at most so many, from the first to the last."""
    places = np.unique(np.linspace(0, len(paths) - 1, min(FRAMES, len(paths))).astype(int))
    return [paths[place] for place in places]
