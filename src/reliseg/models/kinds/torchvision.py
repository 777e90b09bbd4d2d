"""Segmentation networks of torchvision, by the name of the function that builds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from reliseg.errors import ModelError, error_text, suggestion
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.file_hashes import hash_files
from reliseg.models.libraries.model import LibraryModel, imports_for
from reliseg.models.output_check import class_count_problem

if TYPE_CHECKING:
    from reliseg.models.libraries.architecture import Architecture

_ARGUMENTS = ("aux_loss", "weights")
"""What builds differ in. torchvision takes others, and does nothing with them."""
_DECIDED = ("num_classes", "weights_backbone", "pretrained", "pretrained_backbone")
"""Arguments that follow from other options."""


@dataclass(frozen=True, eq=False)
class TorchvisionModel(LibraryModel):
    """A segmentation network of torchvision, by name (deeplabv3_resnet50, ..) and weights.

    The logits are those of its classifier, at the stride of its backbone: its own forward brings them to the size of
    the image bilinearly, as is done here. `weights` is a file; `args: {weights: NAME}` names weights of torchvision,
    which are downloaded where they are not there yet.
    """

    requires: ClassVar[Requires | None] = Requires("torchvision", ("torch", "torchvision"))

    @classmethod
    def load(cls, options: ModelOptions) -> "TorchvisionModel":
        """Build the network, load its weights, and predict a small image."""
        with imports_for(options.name, "torchvision", ("torch", "torchvision")):
            import torchvision  # noqa: F401

            from reliseg.models.libraries.architecture import model_parts
        return cls(**model_parts(_architecture(options), options))


def _architecture(options: ModelOptions) -> "Architecture":
    """Return the network of the options, without its weights yet."""
    import torchvision
    from torchvision import models

    from reliseg.models.libraries.architecture import Architecture, ShortSide, built_by, replace_forward
    from reliseg.models.torch.normalisation import Normalisation

    known = models.list_models(module=models.segmentation)
    # A folder of that name beside the configuration makes a path of it.
    name = next((n for n in (options.where, Path(options.where).name) if n in known), None)
    if name is None:
        raise ModelError(
            f"model {options.name}: torchvision has no segmentation network {options.where!r}; "
            f"{suggestion(options.where, known)}"
        )
    args = _arguments(options)
    stated = _stated_weights(options, args.pop("weights", None), models.get_model_weights(name))
    labels = options.require_labels() if stated is None else _labels_of_stated(options, stated)
    file = options.weights_file() if stated is None else _downloaded(options, stated)
    if file is None:
        known_weights = ", ".join(weights.name for weights in models.get_model_weights(name))
        raise ModelError(
            f"model {options.name}: give weights, a file of a state dict; for those of torchvision write "
            f"args: {{weights: NAME}} ({known_weights})"
        )
    module = built_by(
        options.name,
        name,
        lambda: models.get_model(name, weights=None, weights_backbone=None, num_classes=len(labels), **args),
    )
    segmentation = models.segmentation
    is_known = isinstance(module, (segmentation.FCN, segmentation.DeepLabV3, segmentation.LRASPP))
    if is_known:
        replace_forward(module, _native)
    transforms = stated.transforms() if stated else None
    return Architecture(
        module=module,
        name=name,
        library=f"torchvision {torchvision.__version__}",
        args=args | ({"weights": stated.name} if stated else {}),
        weights=file,
        key=options.key,
        unused=() if args.get("aux_loss") else ("aux_classifier.",),
        normalisation=Normalisation(tuple(transforms.mean), tuple(transforms.std)) if transforms else Normalisation(),
        size=ShortSide(transforms.resize_size[0]) if transforms and transforms.resize_size else None,
        align_corners=False if is_known else None,
        classes=tuple(stated.meta["categories"]) if stated else (),
    )


def _native(module: Any, pixels: Any) -> dict[str, Any]:
    """Return the logits of the classifier, before they are brought to the size of the image."""
    features = module.backbone(pixels)
    return {"out": module.classifier(features.get("out", features))}


def _arguments(options: ModelOptions) -> dict[str, Any]:
    """Return a copy of the arguments; a ModelError for one that follows from other options, or that is none."""
    decided = [key for key in options.args if key in _DECIDED]
    if decided:
        raise ModelError(
            f"model {options.name}: leave {decided[0]} out of args; the number of classes is that of labels, and all "
            "that was trained is in the weights"
        )
    options.refuse_unknown_args(_ARGUMENTS)
    return dict(options.args)


def _stated_weights(options: ModelOptions, name: Any, known: Any) -> Any:
    """Return torchvision's own weights of this name, or None if none are named; a ModelError if there are no such."""
    if name is None:
        return None
    if options.weights or options.key:
        raise ModelError(f"model {options.name}: weights is a file, and args: {{weights: {name}}} too; leave out one")
    members: Mapping[str, Any] = known.__members__
    text = str(name).rpartition(".")[2]
    if text not in members:
        raise ModelError(f"model {options.name}: torchvision has no weights {name!r}; {suggestion(text, members)}")
    return members[text]


def _labels_of_stated(options: ModelOptions, stated: Any) -> Any:
    """Return the label space of weights whose classes are known; a ModelError that lists these if it has others."""
    categories = stated.meta["categories"]
    if options.labels is None:
        raise ModelError(
            f"model {options.name}: set labels to a .toml file with the {len(categories)} classes of {stated.name}, in "
            f"this order: {', '.join(categories)}"
        )
    problem = class_count_problem(len(categories), options.labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    return options.labels


def _downloaded(options: ModelOptions, stated: Any) -> Path:
    """Return the file of torchvision's own weights in torch's cache, where it is downloaded to if it is not there."""
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / stated.url.rpartition("/")[2]
    digest = path.stem.rpartition("-")[2]
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(stated.url, str(path), hash_prefix=digest, progress=False)
    except Exception as error:
        raise ModelError(
            f"model {options.name}: {stated.url} cannot be downloaded ({error_text(error)}); bring it to {path}"
        ) from error
    if not hash_files([path])[path.as_posix()].startswith(digest):
        raise ModelError(f"weights {path}: damaged, as its checksum is not {digest}..; delete it")
    return path
