"""Data sets, domains and samples: plain values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from reliseg.corruptions import Corrupted, Metres
from reliseg.data.augment import Copy
from reliseg.data.depth import DepthFiles, DepthMaps
from reliseg.errors import ConfigError, DataError, count_text, shortlist
from reliseg.labels import ColorMap, LabelMap, LabelSpace, Projection, default_projection
from reliseg.remote import RemoteFile, RemoteFolder, Root
from reliseg.runtime.file_names import ADDED_BYTES, NAME_BYTES, escaped_name, name_problem, plain_name_problem
from reliseg.runtime.text_files import quoted
from reliseg.types import Image, Truth

Encoding: TypeAlias = Literal["index", "red", "color"]
"""The pixels of a mask: ids, ids in the first channel of RGB, or colors of the label space's palette."""

ImageSize: TypeAlias = tuple[int, int] | Mapping[str, int]
"""(height, width), or `long` and `short`: the sides that images are fitted within, keeping their ratio."""


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One image with its annotation (None where the domain has none).

    `id` is `SCENE/STEM`, unique in its data set. Paths are relative to the data set's root. Folders and files of a run
    are named after scene and id: no sample comes into being whose files would lie elsewhere, or could not be written.
    """

    id: str
    scene: str
    image: str
    mask: str | None
    copy: Copy | None = None
    """For an augmented copy: which one, of which image."""
    corruption: Corrupted | None = None
    """What is done to the image after it is decoded; its id, its files and their hashes are those of the clean one."""
    depth: DepthFiles | None = None
    """The files that tell how far everything in the image is, where its corruption needs them."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that is read of it: image, mask, and what tells the depth."""
        return tuple(filter(None, (self.image, self.mask, *(self.depth or ()))))

    @property
    def clean(self) -> "Sample":
        """The sample without its corruption."""
        return self if self.corruption is None else replace(self, corruption=None)

    def __post_init__(self) -> None:
        """Raise a DataError if scene or id cannot be a path below a folder."""
        if not self.id.startswith(f"{self.scene}/"):
            raise self._unfit(f"is not SCENE/STEM with the scene '{escaped_name(self.scene)}'")
        *folders, name = self.id.split("/")
        problems = [name_problem(name, NAME_BYTES - ADDED_BYTES), *map(name_problem, folders)]
        for problem in filter(None, problems):
            raise self._unfit(f"has a part that {problem}")

    def _unfit(self, problem: str) -> DataError:
        place = f" of {escaped_name(self.image)}" if self.image else ""
        return DataError(f"the id '{escaped_name(self.id)}'{place} {problem}; rename the file or its folder")


def check_name(kind: str, name: str) -> None:
    """Raise a ConfigError for names that are unfit: they are folders of a run, and parts of `DATASET/DOMAIN`."""
    if problem := plain_name_problem(name):
        raise ConfigError(f"{kind} name {quoted(name)} {problem}")


@dataclass(frozen=True)
class Domain:
    """A set of samples that results are reported for, in the order of their ids."""

    name: str
    samples: tuple[Sample, ...]
    union: tuple[str, ...] = ()
    """Names of the domains that this one unites; `samples` holds all of theirs."""
    annotated: bool = True
    """True if all its samples have masks; otherwise none has."""
    skipped: tuple[str, ...] = ()
    """Files left out because their image or mask is missing; only with `missing: skip`."""
    corruption: Corrupted | None = None
    """That of all its samples."""
    clean: str = ""
    """The domain whose images this one has, corrupted; "" where it is none such."""

    @property
    def reads_depth(self) -> bool:
        """Whether it needs to be known how far everything in its images is."""
        return self.corruption is not None and self.corruption.reads_depth

    def __repr__(self) -> str:
        """Return the count on one line: a domain has thousands of samples."""
        return f"Domain({self.name!r}: {self.counts()})"

    def counts(self) -> str:
        """Return how many samples it has: `120 samples in 4 scenes, without annotation`."""
        scenes = count_text(len({sample.scene for sample in self.samples}), "scene")
        bare = "" if self.annotated else ", without annotation"
        return f"{count_text(len(self.samples), 'sample')} in {scenes}{bare}"

    def __post_init__(self) -> None:
        """Raise a ConfigError if it cannot have this name."""
        check_name("domain", self.name)


@dataclass(frozen=True, eq=False)
class DataSet:
    """An open data set: every image is paired with its annotation, nothing is decoded yet."""

    name: str
    root: Root
    labels: LabelSpace
    label_map: LabelMap | ColorMap
    domains: Mapping[str, Domain]
    projections: Mapping[str, tuple[int, ...]]
    """Projections given in the configuration: label space of a model -> groups."""
    encoding: Encoding = "index"
    usual_void: float | None = None
    """The share of void pixels that is usual, if the spec says it."""
    notes: tuple[str, ...] = ()
    """What may be as it is meant, and a user should know: pictures that are left out, masks of several images."""
    sources: Mapping[str, LabelSpace] = field(default_factory=dict)
    """The label spaces that `projections` name, where they are known; the others are known by their name alone."""
    resize: ImageSize | None = None
    """The size at which models get its images that have none of their own; None is that of each image."""
    depth: DepthMaps | None = None
    """What its spec says of depth maps."""

    def __repr__(self) -> str:
        """Return the domains with their counts, and the classes, on one line."""
        domains = [f"{name} ({domain.counts()})" for name, domain in self.domains.items()]
        return f"DataSet({self.name!r}: {shortlist(domains, 6)}; {self.labels.summary()})"

    def __post_init__(self) -> None:
        """Raise a ConfigError if it cannot have this name."""
        check_name("data set", self.name)

    def file(self, path: str) -> str | RemoteFile:
        """Return where a file of a sample lies: on this machine a text, as a `Path` takes longer to make."""
        if isinstance(self.root, RemoteFolder):
            return self.root / path
        return os.path.join(self._folder, path)  # noqa: PTH118 - as above

    @cached_property
    def _folder(self) -> str:
        return "" if self.root == Path() else str(self.root)

    @cached_property
    def has_copies(self) -> bool:
        """Whether some of its domains are corrupted copies of others."""
        return any(domain.clean for domain in self.domains.values())

    def projection(self, source: LabelSpace) -> Projection:
        """Return how a model's classes become those of this data set: as configured, else by default.

        A configured projection belongs to classes, not to a name: a ConfigError where one has the name of `source` and
        is of other classes.
        """
        of_name = self.sources.get(source.name)
        for name in sorted(self.projections, key=lambda n: n != source.name):
            known = self.sources.get(name)
            if (known.classes == source.classes) if known else (name == source.name):
                return Projection.of(source, self.labels, self.projections[name])
        if of_name is not None:
            raise ConfigError(
                f"{self.name}: projection: {source.name} is the label space that ships, and the model's has other "
                f"classes; write the path of its .toml file in the place of {source.name}"
            )
        return default_projection(source, self.labels)


@dataclass(frozen=True, eq=False)
class DecodedSample:
    """A decoded sample; `sha256` is of its files' bytes, one after the other. `size` is (height, width).

    `image` is None if it was not asked for, `truth` where the sample has no mask. `image_sha256` is of the image's
    bytes alone: the same image with another mask has the same one.
    """

    sample: Sample
    size: tuple[int, int]
    image: Image | None
    truth: Truth | None
    sha256: str
    image_sha256: str
    metres: Metres | None = None
    """How far everything is, until the image is corrupted."""
