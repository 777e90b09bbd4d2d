"""Models that a function of the user gives: a torch module, or any callable."""

import hashlib
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from reliseg.errors import ModelError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD, Input, Model, ModelOptions
from reliseg.models.function import Origin, called
from reliseg.models.images import ImagePredictor
from reliseg.models.shared import required_labels, resized, sha256s, shape_text
from reliseg.prediction import Prediction
from reliseg.types import Image

if TYPE_CHECKING:
    import torch
    from torch import nn

    from reliseg.models.torch import features

Network: TypeAlias = Callable[[Sequence[Image]], list[Prediction]]

TRIAL_SIZES = ((64, 128), (512, 1024))
"""Sizes of the image that is predicted at load time; the second is for models that refuse the first."""


@dataclass(frozen=True, eq=False)
class PythonModel(Model):
    """What `FILE.py:FUNCTION` or `package.module:FUNCTION` gives, called with `args`.

    A torch module takes normalised images (N x 3 x H x W) and gives logits: a tensor, the first of a tuple,
    `out` or `logits` of a dict, or `.logits`. Any other callable takes one 8-bit RGB image (H x W x 3) and
    gives logits (C x h x w) or a Prediction.
    """

    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]

    @classmethod
    def load(cls, options: ModelOptions) -> "PythonModel":
        """Import, call, load the weights, and predict a small image."""
        required_labels(options)
        built, origin = called(options.name, options.where, options.folder, options.args)
        return cls._of(built, options, origin, lambda: _read(built, origin.files, options))

    @classmethod
    def of(cls, built: Any, options: ModelOptions) -> "PythonModel":
        """The model of an object in memory: a torch module, or a callable. `where` is only a name here."""
        origin = Origin(where=options.where, place=Path.cwd())
        return cls._of(built, options, origin, lambda: _identity(built))

    @classmethod
    def _of(
        cls, built: Any, options: ModelOptions, origin: Origin, identity: Callable[[], dict[str, Any]]
    ) -> "PythonModel":
        labels, size = required_labels(options), options.resize
        if isinstance(size, str):
            raise ModelError(f"model {options.name}: resize is {size!r}; a python model takes [h, w]")
        network, facts = _network(built, options)

        def run(images: Sequence[Image]) -> list[Prediction]:
            return network([resized(image, size) for image in images] if size else images)

        predictor = ImagePredictor(options.name, labels, run, origin.described, options.align_corners)
        _try(predictor)
        return cls(labels, predictor, facts | identity())

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """One prediction per input."""
        return self.predictor(inputs)

    def provenance(self) -> dict[str, Any]:
        """Files with their hashes, preprocessing, settings."""
        return self.facts


def _read(built: Any, files: Sequence[Path], options: ModelOptions) -> dict[str, Any]:
    """The files that were read, with their hashes; without weights, what else tells the model from another."""
    if options.weights:
        return {"files": sha256s([*files, options.folder / options.weights])}
    return {"files": sha256s(files)} | _state(built)


def _identity(built: Any) -> dict[str, Any]:
    """What tells one object in memory from another: the hash of a module's tensors, or a new number.

    A stopped evaluation goes on only with the same model; of a plain callable nobody can know.
    """
    return _state(built) or {"object": secrets.token_hex(8)}


def _state(built: Any) -> dict[str, Any]:
    """The hash of a module's tensors: they may come from a file that only the user's function knows."""
    if not hasattr(built, "state_dict"):
        return {}
    digest = hashlib.sha256(type(built).__qualname__.encode())
    for name, value in built.state_dict().items():
        digest.update(name.encode() + _bytes(value))
    return {"state_sha256": digest.hexdigest()}


def _bytes(value: Any) -> bytes:
    """Type, shape and content of what a state dict holds: a tensor of any type, or what a layer adds to it."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
        return repr(value).encode()
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f" {tuple(value.shape)} {value.dtype}".encode() + content


def _try(predictor: ImagePredictor) -> None:
    """A ModelError where no trial image can be predicted."""
    problem = ""
    for height, width in TRIAL_SIZES:
        gray = np.full((height, width, 3), 128, np.uint8)
        try:
            predictor([Input("trial image", (height, width), gray)])
        except SampleError as error:
            problem = error.problem
        else:
            return
    raise ModelError(problem)


def _network(built: Any, options: ModelOptions) -> tuple[Network, dict[str, Any]]:
    """What predicts images, and what provenance says of it."""
    facts: dict[str, Any] = {
        "kind": "python",
        "where": options.where,
        "args": dict(options.args),
        "class": type(built).__name__,
        "labels": options.labels.name if options.labels else None,
        "resize": options.resize,
        "align_corners": options.align_corners,
    }
    loaded = sys.modules.get("torch")  # whoever has a module has imported torch
    if loaded is not None and isinstance(built, loaded.nn.Module):
        network, more = _network_of_module(built, options)
        return network, facts | more
    if not callable(built):
        raise ModelError(
            f"model {options.name}: {options.where} gives a {type(built).__name__}; "
            "a torch.nn.Module or a callable is needed"
        )
    given = [key for key in ("weights", "mean", "std") if getattr(options, key) is not None]
    given += ["precision"] if options.precision != "float32" else []
    if given:
        raise ModelError(
            f"model {options.name}: {given[0]} is for torch modules, and {options.where} gives a plain callable; "
            "hand it over in args"
        )
    return lambda images: [_of_callable(built(image.copy()), image) for image in images], facts


def _network_of_module(module: "nn.Module", options: ModelOptions) -> tuple[Network, dict[str, Any]]:
    from reliseg.models.torch import network, weights
    from reliseg.runtime import torch_settings

    device = torch_settings.select_device(options.device, options.name)
    if options.weights:
        weights.load_weights(module, options.folder / options.weights)
    normalisation = network.Normalisation(options.mean or IMAGENET_MEAN, options.std or IMAGENET_STD)
    module.eval().to(device)
    for parameter in module.parameters():  # a TorchScript module has no requires_grad_ of its own
        parameter.requires_grad_(False)
    tap = _tap(module, options, device)
    facts = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "feature": tap.layer if tap else None,
        "normalisation": asdict(normalisation),
        **torch_settings.settings(device, options.threads, options.precision),
    }

    def forward(pixels: "torch.Tensor") -> "network.Output":
        output, feature = tap(pixels) if tap else (module(pixels), None)
        return network.logits_of(output), feature

    return network.Network(forward, normalisation, device, options.threads, options.precision), facts


def _tap(module: "nn.Module", options: ModelOptions, device: "torch.device") -> "features.Tap | None":
    """Where the pooled feature comes from: the layer asked for, or the deepest feature map."""
    from reliseg.models.torch import features

    if options.feature is not None:
        return features.Tap.named(module, options.feature)
    for size in TRIAL_SIZES:
        try:
            return features.Tap.automatic(module, features.trial(module, device, size))
        except Exception:  # the trial prediction that follows tells what is wrong with the module
            continue
    return None


def _of_callable(output: Any, image: Image) -> Prediction:
    """What a callable gives for an image as a prediction of the image's size."""
    if isinstance(output, Prediction):
        return replace(output, logits=np.ascontiguousarray(output.logits, np.float32))
    array = output.detach().float().cpu().numpy() if hasattr(output, "detach") else np.asarray(output)
    if array.dtype.kind != "f" or array.ndim != 3:
        shape = shape_text(array.shape)
        raise ModelError(f"gives {array.dtype} of {shape}; floats, classes x height x width, are needed")
    height, width = image.shape[:2]
    return Prediction(logits=np.ascontiguousarray(array, np.float32), size=(height, width))
