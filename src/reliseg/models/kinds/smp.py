"""Networks of segmentation_models_pytorch, by architecture and encoder, or from a folder that it has saved."""

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from reliseg.errors import ModelError, error_text, image_size_text, one_line, suggestion
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.libraries.model import LibraryModel, imports_for
from reliseg.runtime.text_files import read_text

if TYPE_CHECKING:
    from reliseg.models.libraries.architecture import Architecture
    from reliseg.models.torch.normalisation import Normalisation

_PACKAGES = ("torch", "torchvision", "timm", "segmentation_models_pytorch")
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
"""What `save_pretrained` writes into a folder."""
_LONGEST_CONFIG = 1_000_000
_FIXED = {"in_channels": 3, "encoder_weights": None}
_SOFTMAX = ("softmax", "softmax2d")
_IMAGENET_FAMILIES = (
    *("resnet", "resnext", "vgg", "senet", "se_resn", "densenet", "efficientnet-b", "mobilenet_v2", "mit_b"),
    *("mobileone_s", "timm-efficientnet-", "timm-sk"),
)
"""Encoders whose weights were trained on images with ImageNet's mean and deviation."""
_IMAGENET_WEIGHTS = ("imagenet", "ssl", "swsl", "instagram", "noisy-student", "noisy-student-475")
_OWN_ENCODER = "tu-"
"""Encoders of timm, whose names smp does not list."""
_OF_TIMM_FILES = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir")
"""Arguments that would let timm read other files, or ask the hub."""


@dataclass(frozen=True, eq=False)
class SmpModel(LibraryModel):
    """An architecture of segmentation_models_pytorch (Unet, FPN, ..) and weights, or a folder that it saved.

    Logits are those of its own forward, which brings them to the size of what it sees.
    `args` are those of the architecture: encoder_name, decoder_channels, .. Nothing is downloaded, as the weights hold
    the encoder too. Mean, deviation, order and range of channels are those that smp states for the encoder's weights.
    """

    requires: ClassVar[Requires | None] = Requires("smp", _PACKAGES)

    @classmethod
    def load(cls, options: ModelOptions) -> "SmpModel":
        """Build the network, load its weights, and predict a small image."""
        with imports_for(options.name, "smp", _PACKAGES):
            import segmentation_models_pytorch  # noqa: F401

            from reliseg.models.libraries.architecture import model_parts
        return cls(**model_parts(_architecture(options), options))


def _architecture(options: ModelOptions) -> "Architecture":
    """Return the network of the options, without its weights yet."""
    import segmentation_models_pytorch as smp

    from reliseg.models.libraries.architecture import Architecture, built_by, replace_forward

    folder = options.folder / Path(options.where).expanduser()
    name, saved, files = _saved(options, folder) if (folder / _CONFIG).is_file() else (options.where, {}, ())
    kind = _class_named(options, name, smp.MODEL_ARCHITECTURES_MAPPING)
    given = saved | dict(options.args)
    args = _checked(options, kind, given)
    encoder = str(args.get("encoder_name", inspect.signature(kind).parameters["encoder_name"].default))
    _check_encoder(options, encoder, smp.encoders.get_encoder_names())
    weights = options.weights_file() or (folder / _WEIGHTS if files else None)
    if weights is None:
        raise ModelError(f"model {options.name}: give weights, a file of a state dict; random ones tell nothing")
    module = built_by(options.name, kind.__name__, partial(kind, **args))
    replace_forward(module, partial(_forward, type(module).forward))
    stated = options.args.get("encoder_weights")
    return Architecture(
        module=module,
        name=kind.__name__,
        library=f"segmentation_models_pytorch {smp.__version__}",
        args={key: value for key, value in args.items() if key not in _FIXED} | {"encoder_name": encoder},
        weights=weights,
        key=options.key,
        unused=() if args.get("aux_params") else ("classification_head.",),
        files=files,
        normalisation=_normalisation(options, encoder, given.get("encoder_weights"), may_ask=stated is not None),
    )


def _saved(options: ModelOptions, folder: Path) -> tuple[str, dict[str, Any], tuple[Path, ...]]:
    """Return the architecture and the arguments in a folder that `save_pretrained` wrote, and the file read."""
    path = folder / _CONFIG
    try:
        content = json.loads(read_text(path, _LONGEST_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"model {options.name}: {path} cannot be read: {one_line(error)}") from error
    if not isinstance(content, dict) or not isinstance(content.get("_model_class"), str):
        raise ModelError(
            f"model {options.name}: {path} names no _model_class; give a folder that save_pretrained of "
            "segmentation_models_pytorch wrote"
        )
    args = {key: value for key, value in content.items() if not key.startswith("_")}
    return content["_model_class"], args, (path,)


def _class_named(options: ModelOptions, name: str, known: Mapping[str, Any]) -> Any:
    """Return the class of an architecture, whatever the case of its name."""
    for text in (name, Path(name).name):  # a folder of that name beside the configuration makes a path of it
        if text.lower() in known:
            return known[text.lower()]
    raise ModelError(
        f"model {options.name}: {name!r} is neither an architecture of segmentation_models_pytorch nor a folder with "
        f"{_CONFIG}; {suggestion(name, [kind.__name__ for kind in known.values()])}"
    )


def _checked(options: ModelOptions, kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of an architecture; a ModelError for one that it does not have, or that cannot be right."""
    args = dict(given)
    classes = len(options.require_labels())
    for key, value, why in (("classes", classes, "labels has that many"), ("in_channels", 3, "images are RGB")):
        if args.setdefault(key, value) != value:
            raise ModelError(f"model {options.name}: {key} is {args[key]} in its args, and must be {value}, as {why}")
    names = list(inspect.signature(kind).parameters)
    unknown = [key for key in args if key not in names or key == "kwargs"]
    if str(args.get("encoder_name", "")).startswith(_OWN_ENCODER):  # further ones are those of timm's network
        unknown = [key for key in unknown if key in (*_OF_TIMM_FILES, "kwargs")]
    if unknown:
        known = [name for name in names if name not in (*_FIXED, "classes", "kwargs")]
        raise ModelError(
            f"model {options.name}: {kind.__name__} has no argument {unknown[0]!r}; {suggestion(unknown[0], known)}"
        )
    activation = args.get("activation")
    if activation in _SOFTMAX and options.values == "probabilities":
        args["activation"] = "softmax2d"
    elif activation not in (None, "identity"):
        instead = ", or say values: probabilities" if activation in _SOFTMAX else ""
        raise ModelError(
            f"model {options.name}: its activation is {activation}, and logits are needed; if its classes exclude each "
            f"other, set args: {{activation: null}}{instead}"
        )
    return args | _FIXED


def _check_encoder(options: ModelOptions, encoder: str, known: Iterable[str]) -> None:
    """Raise a ModelError with near names for an encoder that neither smp nor timm has: no name asks the hub."""
    import timm

    of_timm = encoder.removeprefix(_OWN_ENCODER)
    if of_timm != encoder:
        if timm.models.is_model(of_timm):
            return
        names, library = timm.list_models(), "timm"
    elif encoder.startswith("timm-") or encoder in known:
        return
    else:
        names, library = list(known), "segmentation_models_pytorch"
    near = get_close_matches(of_timm, names, n=3)  # there are hundreds
    hint = f"did you mean {', '.join(near)}?" if near else "see smp.encoders.get_encoder_names()"
    raise ModelError(
        f"model {options.name}: {library} has no encoder {of_timm!r}; {hint} (those of timm are written tu-NAME)"
    )


def _forward(own: Any, module: Any, pixels: Any) -> Any:
    """Return the output of the library's forward; a ModelError for sizes that the network does not take."""
    stride = int(module.encoder.output_stride) if module.requires_divisible_input_shape else 1
    height, width = pixels.shape[-2:]
    if height % stride or width % stride:
        sizes = [max(1, round(edge / stride)) * stride for edge in (height, width)]
        raise ModelError(
            f"takes images whose height and width are multiples of {stride}, and was given one of "
            f"{image_size_text((height, width))}; set pad: {{to_multiple: {stride}}}, or resize: {sizes}"
        )
    return own(module, pixels)


def _normalisation(options: ModelOptions, encoder: str, stated: Any, *, may_ask: bool) -> "Normalisation":
    """Return what smp states for the encoder's weights: of timm's they are in the package, of others mostly known.

    Where they are on the hub alone, it is asked only if the options name the weights.
    """
    import segmentation_models_pytorch as smp

    from reliseg.models.torch.normalisation import Normalisation

    if options.mean and options.std:
        return Normalisation()
    weights = stated or "imagenet"
    of_timm = encoder.startswith(_OWN_ENCODER)
    if encoder.startswith(_IMAGENET_FAMILIES) and weights in _IMAGENET_WEIGHTS:
        return Normalisation()
    if not of_timm and not may_ask:
        raise ModelError(
            f"model {options.name}: how images are prepared for {encoder} with weights {weights} is on the hub; set "
            f"mean and std, or args: {{encoder_weights: {weights}}} to ask it"
        )
    try:
        facts = smp.encoders.get_preprocessing_params(encoder, weights)
    except Exception as error:  # of the hub, of timm, or of names that are not there
        raise ModelError(
            f"model {options.name}: how images are prepared for {encoder} with weights {weights} cannot be found "
            f"({error_text(error)}); set mean and std"
        ) from error
    return Normalisation(
        mean=tuple(facts["mean"]),
        std=tuple(facts["std"]),
        divisor=255.0 if facts["input_range"][1] == 1 else 1.0,
        bgr=facts["input_space"] == "BGR",
    )
