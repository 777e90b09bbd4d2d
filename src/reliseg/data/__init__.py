"""Data sets: images and annotations, paired by identifier, in named domains."""

from reliseg.data.base import DataSet, DecodedSample, Domain, Sample
from reliseg.data.check import MASKS_TO_DECODE, DomainCheck, SizedSample, check_domain, extremes
from reliseg.data.corrupted import corrupted_dataset, corrupted_name
from reliseg.data.decode import (
    corrupt_sample,
    image_sha256,
    load,
    load_clean,
    load_image,
    load_with_depth,
    sample_sha256,
)
from reliseg.data.depth import DepthFiles
from reliseg.data.misreading import void_note
from reliseg.data.open import DataOptions, open_dataset, open_empty
from reliseg.data.pairs import NO_SCENE
from reliseg.data.pictures.budget import WaitingRoom
from reliseg.data.pictures.file import PIXEL_LIMIT
from reliseg.data.spec import dataset_names

__all__ = [
    "MASKS_TO_DECODE",
    "NO_SCENE",
    "PIXEL_LIMIT",
    "DataOptions",
    "DataSet",
    "DecodedSample",
    "DepthFiles",
    "Domain",
    "DomainCheck",
    "Sample",
    "SizedSample",
    "WaitingRoom",
    "check_domain",
    "corrupt_sample",
    "corrupted_dataset",
    "corrupted_name",
    "dataset_names",
    "extremes",
    "image_sha256",
    "load",
    "load_clean",
    "load_image",
    "load_with_depth",
    "open_dataset",
    "open_empty",
    "sample_sha256",
    "void_note",
]
