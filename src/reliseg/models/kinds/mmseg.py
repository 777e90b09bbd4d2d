"""Networks of mmsegmentation, by their configuration and a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from reliseg.errors import ModelError, error_text
from reliseg.labels import LabelSpace, label_space_names
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.class_names import shipped_space
from reliseg.models.file_hashes import hash_files
from reliseg.models.image_predictor import ImagePredictor
from reliseg.models.inference.modes import Inference
from reliseg.models.libraries.model import LibraryModel, imports_for
from reliseg.models.mmseg.configurations import Configuration, read_configuration
from reliseg.models.mmseg.settings import Settings, read_settings
from reliseg.models.output_check import class_count_problem

if TYPE_CHECKING:
    from reliseg.models.torch.normalisation import Normalisation

_PACKAGES = ("onedl-mmsegmentation", "onedl-mmcv", "onedl-mmengine", "onedl-mmpretrain", "timm")
_TRAINING = ("auxiliary_head.",)
"""Beginnings of the names of weights that only training uses."""


@dataclass(frozen=True, eq=False)
class MMSegmentationModel(LibraryModel):
    """A configuration of mmsegmentation, CONFIG.py or the name of a shipped one, and its checkpoint.

    A CONFIG.py is a program and is run, like the function of a python model; of `weights` nothing is. `args` changes
    the configuration, by dotted names. What it says of sizes, windows, padding, mean and deviation holds where the
    options say nothing.
    """

    requires: ClassVar[Requires | None] = Requires("mmseg", ("torch", "mmengine", "mmcv", "mmseg"))

    @classmethod
    def load(cls, options: ModelOptions) -> "MMSegmentationModel":
        """Run the configuration, build its network and read the weights; nothing is downloaded or predicted."""
        weights = _checked_weights(options)
        with imports_for(options.name, "mmseg", ("torch", "torchvision", "mmseg")):
            from reliseg.models.mmseg.library import import_library

            import_library()
        from reliseg.models.checkpoints.loading import load_weights
        from reliseg.models.checkpoints.shards import checkpoint_files
        from reliseg.models.mmseg.segmentor import build_segmentor, own_code
        from reliseg.models.torch.bare_network import bare_network

        configuration = read_configuration(options.name, options.where, options.folder, options.args)
        settings = read_settings(options.name, configuration.content)
        inference = _inference(options, settings)
        segmentor = build_segmentor(options.name, configuration.content)
        loaded = load_weights(segmentor, weights, options.key, unused=_TRAINING)
        options = replace(
            options,
            labels=_labels(options, loaded.classes, segmentor.classes),
            feature=options.feature or "backbone",
            align_corners=segmentor.align_corners if options.align_corners is None else options.align_corners,
            pad=options.pad or settings.pad,
        )
        network = bare_network(segmentor, options, loaded, _normalisation(options, settings))
        own = [] if configuration.shipped else [configuration.file]
        facts = _facts(options, configuration, inference) | network.facts
        facts["files"] = hash_files([*own, *own_code(segmentor), *checkpoint_files(weights)])
        predictor = ImagePredictor(
            name=options.name,
            labels=options.require_labels(),
            run=network.run,
            describe_error=lambda error: error_text(error) + network.hint(error),
            align_corners=options.align_corners,
            values=options.values or "logits",  # of a library that is known: nothing need be guessed from numbers
            inference=inference,
            run_with_dropout=network.run_with_dropout,
            network=network.run,
        )
        return cls(predictor.labels, predictor, facts, lambda: [*network.notes(), *settings.remarks])


def _checked_weights(options: ModelOptions) -> Path:
    """Return the file of weights; a ModelError if the options name none, or say what concerns other kinds."""
    options.refuse(["output"], "does not apply to mmseg models; leave it out")
    weights = options.weights_file()
    if weights is None:
        raise ModelError(f"model {options.name}: a configuration holds no weights; set weights to its checkpoint")
    return weights


def _inference(options: ModelOptions, settings: Settings) -> Inference:
    """Return what the options say, and where they say nothing what the configuration does; a ModelError if it cannot.

    mmsegmentation brings logits to the network's input first, and from there to the image.
    """
    for option in ("resize", "pad", "slide"):
        problem = settings.problem_of(option)
        if problem and getattr(options, option) is None:
            raise ModelError(f"model {options.name}: its configuration {problem}, which is not done here; set {option}")
    return Inference.of(
        options,
        size=settings.resize,
        pad=settings.pad.to_multiple if settings.pad else 1,
        interpolation=settings.interpolation,
        slide=settings.slide,
        through_input=True,
    )


def _normalisation(options: ModelOptions, settings: Settings) -> "Normalisation":
    """Return mean and deviation of images in 0..255, or in 0..1 if the options name one, as they do."""
    from reliseg.models.torch.normalisation import Normalisation

    if options.mean is None and options.std is None:
        return Normalisation(settings.mean, settings.std, 1.0, settings.bgr)
    mean, std = (tuple(v / 255 for v in values) for values in (settings.mean, settings.std))
    return Normalisation(mean, std, 255.0, settings.bgr)


def _labels(options: ModelOptions, classes: Sequence[str], outputs: int) -> LabelSpace:
    """Return the label space of the options, or the shipped one with the class names of the checkpoint."""
    labels = options.labels or shipped_space(classes)
    if labels is None:
        known = ", ".join(label_space_names())
        stated = (
            f"the {len(classes)} classes of its checkpoint are those of no label space"
            if classes
            else ("its checkpoint names no classes")
        )
        raise ModelError(f"model {options.name}: {stated}; set labels to a label space ({known}) or a .toml file")
    problem = class_count_problem(outputs, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    return labels


def _facts(options: ModelOptions, configuration: Configuration, inference: Inference) -> dict[str, Any]:
    """Return what a result must say besides its network's part."""
    return {
        "kind": "mmseg",
        "where": options.where,
        "args": dict(options.args),
        "class": configuration.content["model"].get("type"),
        "configuration": {"shipped": configuration.shipped, "sha256": configuration.sha256()},
        "labels": options.require_labels().name,
        "values": options.values or "logits",
        "align_corners": options.align_corners,
        "resize": inference.resizing.fact(),
        **inference.facts(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
