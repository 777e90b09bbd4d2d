"""An architecture of a library with its weights -> the parts of a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from reliseg.errors import ModelError, error_text
from reliseg.models.base import ModelOptions
from reliseg.models.checkpoints.loading import load_weights
from reliseg.models.checkpoints.shards import checkpoint_files
from reliseg.models.file_hashes import hash_files
from reliseg.models.image_predictor import ImagePredictor, check_on_gray
from reliseg.models.inference.modes import Inference
from reliseg.models.inference.resizing import Size, Target
from reliseg.models.torch.bare_network import bare_network
from reliseg.models.torch.normalisation import Normalisation


@dataclass(frozen=True)
class ShortSide:
    """Images are resized, keeping their ratio, so that the shorter side has this length, in pixels."""

    short: int

    def __call__(self, size: Size) -> Size:
        """Return the size for an image of this size; torchvision rounds the longer side down."""
        height, width = (self.short * side // min(size) for side in size)
        return height, width


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that a library has built, and what the library says of its images.

    `library` is its name and version, `args` is all that the network was built with.
    """

    module: nn.Module
    name: str
    library: str
    args: Mapping[str, Any]
    weights: Path
    key: str | None = None
    unused: tuple[str, ...] = ()
    """How names of weights begin that help in training alone."""
    files: tuple[Path, ...] = ()
    """Files that were read besides the weights."""
    normalisation: Normalisation = field(default_factory=Normalisation)
    size: Target | None = None
    """The size that images are brought to, unless the options say another."""
    align_corners: bool | None = None
    """How the library's own forward brings logits to the size of its input; None where they have it already."""
    classes: tuple[str, ...] = ()
    """The names of its classes, where the library states them."""


def model_parts(built: Architecture, options: ModelOptions) -> dict[str, Any]:
    """Load the weights, and try the network on a gray image; return the fields of a `LibraryModel`."""
    labels = options.require_labels()
    inference = Inference.of(options, size=built.size, through_input=built.align_corners is not None)
    loaded = load_weights(built.module, built.weights, built.key, built.unused)
    known = replace(loaded, classes=built.classes or loaded.classes)
    network = bare_network(built.module, options, known, built.normalisation)
    align_corners = built.align_corners if options.align_corners is None else options.align_corners
    predictor = ImagePredictor(
        name=options.name,
        labels=labels,
        run=network.run,
        describe_error=lambda error: error_text(error) + network.hint(error),
        align_corners=align_corners,
        values=options.values or "logits",  # of a library that is known: nothing need be guessed from numbers
        inference=inference,
        run_with_dropout=network.run_with_dropout,
        network=network.run,
    )
    check_on_gray(predictor)
    facts = {
        "kind": options.kind,
        "where": options.where,
        "library": built.library,
        "architecture": built.name,
        "args": dict(built.args),
        "class": type(built.module).__name__,
        "labels": labels.name,
        "values": options.values or "logits",
        "resize": inference.resizing.fact(),
        **inference.facts(),
        "align_corners": align_corners,
        **network.facts,
        "output": network.reader.taken,
        "files": hash_files([*built.files, *checkpoint_files(built.weights)]),
    }
    return {"labels": labels, "predictor": predictor, "facts": facts, "remarks": network.notes}


def built_by(model: str, what: str, build: Callable[[], nn.Module]) -> nn.Module:
    """Return what a library's function gives; a ModelError in one line where it refuses its arguments."""
    try:
        return build()
    except Exception as error:  # whatever a library makes of arguments that it does not know
        raise ModelError(f"model {model}: {what} cannot be built with these args: {error_text(error)}") from error


def replace_forward(module: nn.Module, forward: Callable[[Any, Any], Any]) -> None:
    """Let the module call another function in the place of its forward; the names of its layers stay as they are."""
    setattr(module, "forward", partial(forward, module))  # noqa: B010
