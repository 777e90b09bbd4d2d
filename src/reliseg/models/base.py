"""The interface of models."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from reliseg.errors import ModelError, missing_extra_text, suggestion
from reliseg.labels import LabelSpace, label_space_names
from reliseg.models.options import Augmented, FitWithin, Interpolation, MaskOrder, Pad, Slide
from reliseg.prediction import Prediction
from reliseg.registry import Registry
from reliseg.types import Image

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
"""The numbers that a network computes with; anything but float32 is torch's autocast."""
Values: TypeAlias = Literal["logits", "probabilities"]
"""What a model's output holds for each class and pixel."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
WITHOUT_MASKS = "applies to networks that classify masks, of kind hf or detectron2; leave it out"
"""Why `masks` is refused elsewhere."""


@dataclass(frozen=True)
class ModelOptions:
    """The options of one model, from a configuration; each kind reads those that concern it."""

    name: str
    kind: str
    where: str
    labels: LabelSpace | None = None
    weights: Path | None = None
    values: Values | None = None
    """What the output holds; None means logits, where nothing else is said and nothing speaks against them."""
    align_corners: bool | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    resize: tuple[int, int] | FitWithin | str | None = None
    interpolation: Interpolation | None = None
    pad: Pad | None = None
    slide: Slide | Literal["none"] | None = None
    tta: Augmented | None = None
    mc_dropout: int | None = None
    """Passes with dropout at work, whose probabilities are averaged."""
    masks: MaskOrder | None = None
    seed: int = 0
    """Of dropout, with the id of the sample and the number of the pass."""
    key: str | None = None
    """Where the weights lie in a checkpoint that holds several: `ema`, `state_dict.teacher.`"""
    output: str | int | None = None
    """Which of the tensors in the network's output are the logits: an index, a name, or a path such as `0.out`."""
    feature: str | None = None
    """The layer whose pooled output is the feature; by default the deepest feature map."""
    args: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = "float32"
    """The format in which the heavy layers of networks in torch compute."""
    device: str = "cpu"
    threads: int = 2
    """Threads of the network on the CPU: part of what a result depends on."""
    members: Mapping[str, Callable[[], "Model"]] = field(default_factory=dict)
    """Of an ensemble: what loads each of its models, by name."""
    folder: Path = Path()
    """Relative paths in `where` start here: the folder of the file that names them."""

    def refuse(self, names: Sequence[str], why: str) -> None:
        """Raise a ModelError that names the first of these options that says something; `why` ends its line."""
        for name in names:
            if getattr(self, name) != _UNSAID[name]:
                raise ModelError(f"model {self.name}: {_WRITTEN.get(name, name)} {why}")

    def refuse_unknown_args(self, known: Sequence[str]) -> None:
        """Raise a ModelError for the first of `args` that is none of the known ones."""
        for key in self.args:
            if key not in known:
                raise ModelError(f"model {self.name}: unknown argument {key!r}; {suggestion(key, known)}")

    def weights_file(self) -> Path | None:
        """Return the path of the weights, if the options name some; a ModelError if only `key` is there."""
        if self.weights:
            return self.folder / self.weights
        if self.key is not None:
            raise ModelError(f"model {self.name}: key says where weights lie in a file, and weights names none")
        return None

    def require_labels(self) -> LabelSpace:
        """Return the label space; a ModelError if the options name none."""
        if self.labels is None:
            names = ", ".join(label_space_names())
            raise ModelError(f"model {self.name}: give labels, the classes it predicts ({names}, or a .toml file)")
        return self.labels


_UNSAID = {f.name: f.default_factory() if callable(f.default_factory) else f.default for f in fields(ModelOptions)}
"""The value of each option where the user says nothing."""
_WRITTEN = {"align_corners": "upsampling"}
"""Options whose name in a configuration is another."""


@dataclass(frozen=True, eq=False)
class Input:
    """One image for a model. `image` is None for models that do not read images."""

    id: str
    size: tuple[int, int]
    image: Image | None = None


@dataclass(frozen=True)
class Requires:
    """What a kind of model cannot do without: modules, by their top-level names, and the extra that brings them."""

    extra: str
    modules: tuple[str, ...]


class Model(ABC):
    """A network, or what stands for one. The first line of a kind's docstring is what `reliseg list models` says."""

    reads_images: ClassVar[bool] = True
    requires: ClassVar[Requires | None] = None
    labels: LabelSpace

    def __init_subclass__(cls) -> None:
        """Let a kind that is a dataclass be shown as models are: it would show its networks and tables in full."""
        if "__repr__" not in vars(cls):
            type.__setattr__(cls, "__repr__", cls.__repr__)

    def __repr__(self) -> str:
        """Return the kind and the classes on one line."""
        return f"{type(self).__name__}({self.labels.summary()})"

    @classmethod
    def obstacle(cls) -> str | None:
        """Return why this kind cannot run here, with the one command that makes it so; None where it can.

        Modules are looked for, not imported. A kind that can see more than their absence extends this.
        """
        missing = [name for name in cls.requires.modules if not _is_installed(name)] if cls.requires else []
        return missing_extra_text(missing, cls.requires.extra) if cls.requires and missing else None

    @classmethod
    @abstractmethod
    def load(cls, options: ModelOptions) -> "Model":
        """Load the model that the options describe; a ModelError says what to do if it cannot be loaded."""

    @abstractmethod
    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input, at native stride, in the model's own classes. Inputs are of one size.

        A SampleError names an input that cannot be predicted. Where several fail together, a ModelError will do: each
        is predicted alone then.
        """

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its predictions are logarithms of probabilities: it has no logits, nor scores that need them."""
        return False

    @property
    def gives_scores(self) -> tuple[str, ...]:
        """The names of the scores that come with its predictions, as their `score_maps`."""
        return ()

    @property
    def resizes(self) -> bool:
        """Tell if it brings images to a size of its own: that of a data set does not hold then."""
        return False

    @property
    def told_by_files(self) -> bool:
        """Tell if its configuration and the files of its provenance say all of it, so that both can stand for it."""
        return True

    def every(self) -> "tuple[Model, ...]":
        """Return the model, and those that it consists of."""
        return (self,)

    @property
    def reads_files(self) -> bool:
        """Tell if predictions are read from files: see `files`."""
        return not self.reads_images

    def calls(self, size: tuple[int, int]) -> int:
        """Return how many forward passes an image of this size takes."""
        return 1

    def of_domain(self, domain: str) -> "Model":
        """Return the model as it predicts a domain, `DATASET/DOMAIN`: stored files may lie in folders so called."""
        return self

    def missing(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the ids that this model cannot predict, and why: of stored predictions some may be missing."""
        return {}

    def files(self, sample: str) -> tuple[Path, ...]:
        """Return the files that a sample's prediction is read from; only models that read stored ones have any."""
        return ()

    def notes(self) -> list[str]:
        """Return what a user should know of the predictions so far, a line each."""
        return []

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of the model: JSON values; `files` maps each file read to its sha256."""

    def fingerprint(self) -> str:
        """Return a text that changes when stored statistics of this model can no longer be used.

        It is of content: where its files lie, and how its label space is called, are no part of it.
        """
        facts = self.provenance()
        files = facts.get("files", {})
        names = {"labels", "where"} if files else {"labels"}
        content = {key: value for key, value in facts.items() if key not in names}
        content["files"] = sorted([Path(path).name, digest] for path, digest in files.items())
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def file_hashes(self) -> tuple[str, ...]:
        """Return the sha256 of what it was made of, wherever that is: of each file, and of how they are used.

        () where its provenance names no files. Device, threads and versions are no part of it: a calibration travels.
        """
        facts = self.provenance()
        if not facts.get("files"):
            return ()
        use = {key: _without_paths(facts[key]) for key in _OF_USE if facts.get(key) is not None}
        digest = hashlib.sha256(json.dumps(use, sort_keys=True, default=repr).encode()).hexdigest()
        return (*sorted(facts["files"].values()), digest)


_OF_USE = (
    *("class", "args", "key", "weights", "output", "values", "feature", "precision"),
    *("normalisation", "processor", "resize", "align_corners", "interpolation", "pad", "slide", "views", "mc_dropout"),
    *("seed", "through_input", "masks", "configuration", "settings"),
)
"""Facts that say how a network's files are used."""


_KINDS_OF_FILES = {".onnx": ("an ONNX graph", "onnx"), ".pt2": ("a program of torch.export", "exported")}


def kind_hint(path: Path | str, here: str = "") -> str:
    """Return the end of an error line that names the kind of model of a file with this ending; empty for others.

    Empty too for the kind that is `here` already.
    """
    content, kind = _KINDS_OF_FILES.get(Path(path).suffix.lower(), ("", ""))
    return f"; for {content}, write kind: {kind}, where: {Path(path).name}" if kind not in ("", here) else ""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # of a module in memory that was made without a file
        return True


def _without_paths(value: Any) -> Any:
    """Return a fact without what may be called otherwise on another machine: paths, and where a setting stood."""
    if isinstance(value, Mapping):
        return {str(key): _without_paths(part) for key, part in value.items() if key != "source"}
    if isinstance(value, list | tuple):
        return [_without_paths(part) for part in value]
    return None if isinstance(value, str) and ("/" in value or "\\" in value) else value


MODELS: Registry[Model] = Registry("reliseg.models", "kinds", "Model", "model kind")
