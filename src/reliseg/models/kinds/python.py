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
from reliseg.models.file_hashes import hash_files
from reliseg.models.image_predictor import ImagePredictor
from reliseg.models.output_check import shape_text
from reliseg.models.resizing import resize_image
from reliseg.models.user_code import Origin, call_function
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
    """The result of `FILE.py:FUNCTION` or `package.module:FUNCTION`, called with `args`.

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
        options.require_labels()
        instance, origin = call_function(options.name, options.where, options.folder, options.args)
        return cls._of(instance, options, origin, lambda: _file_identity(instance, origin.files, options))

    @classmethod
    def of(cls, instance: Any, options: ModelOptions) -> "PythonModel":
        """Return the model of an object in memory: a torch module, or a callable. `where` is only a name here."""
        origin = Origin(where=options.where, place=Path.cwd())
        return cls._of(instance, options, origin, lambda: _object_identity(instance))

    @classmethod
    def _of(
        cls, instance: Any, options: ModelOptions, origin: Origin, identity: Callable[[], dict[str, Any]]
    ) -> "PythonModel":
        labels, size = options.require_labels(), options.resize
        if isinstance(size, str):
            raise ModelError(f"model {options.name}: resize is {size!r}; a python model takes [h, w]")
        network, facts = _network(instance, options)

        def run(images: Sequence[Image]) -> list[Prediction]:
            return network([resize_image(image, size) for image in images] if size else images)

        describe, values = origin.describe_error, options.values
        predictor = ImagePredictor(options.name, labels, run, describe, options.align_corners, values)
        _check_on_gray(predictor)
        return cls(labels, predictor, facts | identity())

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        return self.predictor(inputs)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its options say so."""
        return self.predictor.values == "probabilities"

    def provenance(self) -> dict[str, Any]:
        """Return files with their hashes, preprocessing and settings."""
        return self.facts


def _file_identity(instance: Any, files: Sequence[Path], options: ModelOptions) -> dict[str, Any]:
    """Return the hashes of the files that were read; without a file of weights also the hash of its tensors."""
    if options.weights:
        return {"files": hash_files([*files, options.folder / options.weights])}
    return {"files": hash_files(files)} | _state_hash(instance)


def _object_identity(instance: Any) -> dict[str, Any]:
    """Tell one object in memory from another: by the hash of a module's tensors, else by a new random number.

    A stopped evaluation goes on only with the same model, and nobody can know that of a plain callable.
    """
    return _state_hash(instance) or {"object": secrets.token_hex(8)}


def _state_hash(instance: Any) -> dict[str, Any]:
    """Hash a module's tensors: they may come from a file that only the user's function knows. {} if it has none."""
    if not hasattr(instance, "state_dict"):
        return {}
    digest = hashlib.sha256(type(instance).__qualname__.encode())
    for name, value in instance.state_dict().items():
        digest.update(name.encode() + _bytes(value))
    return {"state_sha256": digest.hexdigest()}


def _bytes(value: Any) -> bytes:
    """Return type, shape and content of a state dict's value: a tensor of any type, or what a layer adds to it."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
        return repr(value).encode()
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f" {tuple(value.shape)} {value.dtype}".encode() + content


def _check_on_gray(predictor: ImagePredictor) -> None:
    """Predict a gray image; a ModelError if that fails at all trial sizes."""
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


def _network(instance: Any, options: ModelOptions) -> tuple[Network, dict[str, Any]]:
    """Return the function that predicts images, and its part of the provenance."""
    facts: dict[str, Any] = {
        "kind": "python",
        "where": options.where,
        "args": dict(options.args),
        "class": type(instance).__name__,
        "labels": options.labels.name if options.labels else None,
        "values": options.values or "logits",
        "resize": options.resize,
        "align_corners": options.align_corners,
    }
    torch = sys.modules.get("torch")  # whoever has a module has imported torch
    if torch is not None and isinstance(instance, torch.nn.Module):
        network, more = _network_of_module(instance, options)
        return network, facts | more
    if not callable(instance):
        raise ModelError(
            f"model {options.name}: {options.where} returns a {type(instance).__name__}; "
            "it must return a torch.nn.Module or a callable"
        )
    for_modules = [key for key in ("weights", "mean", "std") if getattr(options, key) is not None]
    for_modules += ["precision"] if options.precision != "float32" else []
    if for_modules:
        raise ModelError(
            f"model {options.name}: {for_modules[0]} applies only to torch modules, and {options.where} returns a "
            "plain callable; pass it in args"
        )
    return lambda images: [_as_prediction(instance(image.copy()), image) for image in images], facts


def _network_of_module(module: "nn.Module", options: ModelOptions) -> tuple[Network, dict[str, Any]]:
    from reliseg.models.torch import network, weights
    from reliseg.runtime import torch_settings

    device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
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
        **torch_settings.describe_settings(device, options.threads, options.precision),
    }

    def forward(pixels: "torch.Tensor") -> "network.Output":
        output, feature = tap(pixels) if tap else (module(pixels), None)
        return network.logits_of(output), feature

    return network.Network(forward, normalisation, device, options.threads, options.precision), facts


def _tap(module: "nn.Module", options: ModelOptions, device: "torch.device") -> "features.Tap | None":
    """Return where the pooled feature comes from: the layer in the options, or the deepest feature map."""
    from reliseg.models.torch import features

    if options.feature is not None:
        return features.Tap.at_layer(module, options.feature)
    for size in TRIAL_SIZES:
        try:
            return features.Tap.at_deepest_map(module, features.trial_call(module, device, size))
        except Exception:  # the trial prediction that follows tells what is wrong with the module
            continue
    return None


def _as_prediction(output: Any, image: Image) -> Prediction:
    """Turn what a callable gives for an image into a prediction of the image's size."""
    if isinstance(output, Prediction):
        return replace(output, logits=np.ascontiguousarray(output.logits, np.float32))
    array = output.detach().float().cpu().numpy() if hasattr(output, "detach") else np.asarray(output)
    if array.dtype.kind != "f" or array.ndim != 3:
        shape = shape_text(array.shape)
        raise ModelError(f"gives {array.dtype} of {shape}; it must give floats, classes x height x width")
    height, width = image.shape[:2]
    return Prediction(logits=np.ascontiguousarray(array, np.float32), size=(height, width))
