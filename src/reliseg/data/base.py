"""Data sets, domains and samples: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reliseg.labels import LabelMap, LabelSpace
from reliseg.types import Image, Truth


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One image with its annotation (None where the domain has none). `id` is `SCENE/STEM`, unique in its data set.

    Paths are relative to the data set's root.
    """

    id: str
    scene: str
    image: str
    mask: str | None


@dataclass(frozen=True)
class Domain:
    """What results are reported for: samples in the order of their ids."""

    name: str
    samples: tuple[Sample, ...]
    union: tuple[str, ...] = ()
    """Names of the domains that this one is the union of; `samples` is theirs together."""


@dataclass(frozen=True, eq=False)
class DataSet:
    """Opened: every image is paired with its annotation, nothing is decoded yet."""

    name: str
    root: Path
    labels: LabelSpace
    label_map: LabelMap
    domains: Mapping[str, Domain]
    projections: Mapping[str, tuple[int, ...]]
    """Projections given in the configuration: label space of a model -> groups."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A decoded sample; `sha256` is of the image's bytes followed by the mask's. `image` is None if not asked for."""

    sample: Sample
    size: tuple[int, int]
    image: Image | None
    truth: Truth | None
    sha256: str
