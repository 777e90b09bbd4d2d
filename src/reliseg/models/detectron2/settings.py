"""What a configuration of detectron2 says beyond the tensors: read as data, nothing in it runs."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reliseg.errors import ModelError, suggestion
from reliseg.models.detectron2.architecture import POINTS, Architecture, ResNet, Swin
from reliseg.models.options import MaskOrder
from reliseg.runtime.printable import printable
from reliseg.runtime.regular_files import reason_of
from reliseg.runtime.text_files import UnreadableTextError, read_text

_SIZE_LIMIT = 8_000_000
"""Bytes of a file."""
_MAX_BASES = 20
_BASE = "_BASE_"
_FORMER = "MODEL.MASK_FORMER."
_ABSENT = object()
_LARGEST = 1 << 20
_HEADS, _POINTS = f"{_FORMER}NHEADS", "MODEL.SEM_SEG_HEAD.DEFORMABLE_TRANSFORMER_ENCODER_N_POINTS"
_PLAIN, _DEEPLAB, _SWIN = "build_resnet_backbone", "build_resnet_deeplab_backbone", "D2SwinTransformer"
_BUILDERS = (_PLAIN, _DEEPLAB, _SWIN)
_METHOD = f"{_FORMER}TEST.SEMANTIC_INFERENCE_METHOD"
_BEFORE = tuple(
    f"{_FORMER}TEST.{name}" for name in ("SEM_SEG_POSTPROCESSING_BEFORE_INFERENCE", "PANOPTIC_ON", "INSTANCE_ON")
)
DEFAULTS: Mapping[str, Any] = {
    "INPUT.FORMAT": "BGR",
    "INPUT.MIN_SIZE_TEST": 800,
    "INPUT.MAX_SIZE_TEST": 1333,
    "MODEL.META_ARCHITECTURE": "MaskFormer",
    "MODEL.BACKBONE.NAME": _PLAIN,
    "MODEL.PIXEL_MEAN": (103.53, 116.28, 123.675),
    "MODEL.PIXEL_STD": (1.0, 1.0, 1.0),
    "MODEL.RESNETS.RES4_DILATION": 1,
    "MODEL.RESNETS.RES5_DILATION": 1,
    "MODEL.RESNETS.RES5_MULTI_GRID": (1, 2, 4),
    "MODEL.RESNETS.STRIDE_IN_1X1": True,
    _POINTS: 4,
    _HEADS: 8,
    f"{_FORMER}PRE_NORM": False,
    f"{_FORMER}SIZE_DIVISIBILITY": 32,
    _METHOD: "probabilistic",
    **dict.fromkeys(_BEFORE, False),
}
"""The settings that matter here, and what detectron2 and both projects take where a configuration leaves one out."""
_PUBLISHED: Mapping[str, Any] = {
    "INPUT.FORMAT": "RGB",
    "MODEL.PIXEL_MEAN": (123.675, 116.28, 103.53),
    "MODEL.PIXEL_STD": (58.395, 57.12, 57.375),
    "MODEL.RESNETS.STRIDE_IN_1X1": False,
}
"""What all published configurations of both projects say: taken where no configuration is given."""
_CITYSCAPES: Mapping[str, Any] = {"INPUT.MIN_SIZE_TEST": 1024, "INPUT.MAX_SIZE_TEST": 2048}

_ALLOWED: Mapping[str, Callable[[Any], bool]] = {
    "INPUT.FORMAT": lambda text: text in ("RGB", "BGR"),
    "INPUT.MIN_SIZE_TEST": lambda edge: 0 <= edge < _LARGEST,
    "INPUT.MAX_SIZE_TEST": lambda edge: 0 < edge < _LARGEST,
    "MODEL.RESNETS.RES4_DILATION": lambda dilation: dilation in (1, 2),
    "MODEL.RESNETS.RES5_DILATION": lambda dilation: dilation in (1, 2, 4),
    "MODEL.RESNETS.RES5_MULTI_GRID": lambda grid: all(0 < factor < _LARGEST for factor in grid),
    _HEADS: lambda heads: 0 < heads < _LARGEST,
    f"{_FORMER}SIZE_DIVISIBILITY": lambda multiple: multiple < _LARGEST,
}
"""Which values of a setting are accepted; of the others all but what is empty."""


@dataclass(frozen=True)
class Settings:
    """The settings of a network by their names in detectron2, and the files that they were read from."""

    values: Mapping[str, Any]
    files: tuple[Path, ...] = ()

    @property
    def masks(self) -> MaskOrder:
        """Where masks become probabilities: `image` where the configuration asks for it before inference."""
        return "image" if any(self.values[name] for name in _BEFORE) else "input"

    @property
    def shortest_edge(self) -> dict[str, int] | None:
        """The shorter side that images get, and the longest of the other; short is 0 where images keep their size.

        None where nothing says it.
        """
        short, long = (self.values[f"INPUT.{name}_SIZE_TEST"] for name in ("MIN", "MAX"))
        return None if short is None else {"short": min(short, long), "long": long}

    def of(self, name: str) -> Any:
        """Return one of the settings that `DEFAULTS` lists."""
        return self.values[name]


def read_settings(
    config: Path | None, stated: Mapping[str, Any], network: Architecture, *, cityscapes: bool
) -> Settings:
    """Return the settings of a network: those of its configuration, and over these those that a user states by name.

    Without a configuration, they are those of the published ones; the size of images only where the classes are those
    of Cityscapes. A ModelError names the setting with which it is another network.
    """
    files: tuple[Path, ...] = ()
    if config is None:
        values = {**DEFAULTS, **_PUBLISHED, **_CITYSCAPES}
        values["MODEL.BACKBONE.NAME"] = _builder(network.backbone)
        values[_HEADS] = network.heads or DEFAULTS[_HEADS]
    else:
        found, files = _read(config)
        values = {**DEFAULTS, **found}
    for name, value in stated.items():
        if name not in DEFAULTS:
            raise ModelError(f"unknown setting {printable(str(name))!r} in args; {suggestion(str(name), DEFAULTS)}")
        values[name] = value
    values = {name: _checked(name, value) for name, value in values.items()}
    if config is None and not cityscapes:
        values |= {name: None for name in _CITYSCAPES if name not in stated}
    _check_kind(values, network)
    if values["MODEL.BACKBONE.NAME"] != _DEEPLAB:  # detectron2's own builder looks at neither
        values |= {"MODEL.RESNETS.RES4_DILATION": 1, "MODEL.RESNETS.RES5_MULTI_GRID": None}
    return Settings(values, files)


def _builder(backbone: Swin | ResNet) -> str:
    """Return what builds a backbone in the published configurations."""
    if isinstance(backbone, Swin):
        return _SWIN
    return _DEEPLAB if backbone.deep_stem else _PLAIN


def _check_kind(values: Mapping[str, Any], network: Architecture) -> None:
    """Raise a ModelError where the settings are of a network that cannot be built here, or of another one."""
    name, backbone = values["MODEL.BACKBONE.NAME"], network.backbone
    if name not in _BUILDERS:
        raise ModelError(
            f"MODEL.BACKBONE.NAME is {printable(name)}, which is not known here; if it builds what "
            f"{_builder(backbone)} does, write args: {{MODEL.BACKBONE.NAME: {_builder(backbone)}}}"
        )
    if (name == _SWIN) != isinstance(backbone, Swin) or (name == _PLAIN and _builder(backbone) == _DEEPLAB):
        raise ModelError(
            f"MODEL.BACKBONE.NAME is {name}, and the tensors are of {_builder(backbone)}; "
            "give the configuration of this checkpoint"
        )
    if network.heads not in (None, values[_HEADS]) or values[_POINTS] != POINTS:
        raise ModelError(
            f"{_HEADS} is {values[_HEADS]} and {_POINTS} {values[_POINTS]}, and the pixel decoder has "
            f"{network.heads} heads with {POINTS} points each; transformers builds no Mask2Former that mixes these"
        )
    if network.width % values[_HEADS]:
        raise ModelError(f"{_HEADS} is {values[_HEADS]}, and does not divide the width of the layers, {network.width}")
    if values["MODEL.META_ARCHITECTURE"] != "MaskFormer":
        raise ModelError(
            f"its configuration is of {printable(str(values['MODEL.META_ARCHITECTURE']))}; "
            "this kind takes Mask2Former and MaskFormer, which both call themselves MaskFormer"
        )
    if values[_METHOD] != "probabilistic":
        raise ModelError(
            f"its configuration has {_METHOD}: {printable(str(values[_METHOD]))}, which leaves out queries; "
            f"set it to probabilistic, in args: {{{_METHOD}: probabilistic}}"
        )


def _checked(name: str, value: Any) -> Any:
    """Return a setting of the type of its default; a ModelError where it is of another one."""
    default = DEFAULTS[name]
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise _type_error(name, value) from None
    if isinstance(default, tuple):
        numbers = value if isinstance(value, list | tuple) else ()
        if len(numbers) != 3 or not all(isinstance(v, int | float) for v in numbers):
            raise _type_error(name, value)
        whole = tuple(type(default[0])(v) for v in numbers)
        if not _ALLOWED.get(name, _says_something)(whole):
            raise _type_error(name, value)
        return whole
    if type(value) is not type(default) or not _ALLOWED.get(name, _says_something)(value):
        raise _type_error(name, value)
    return value


def _says_something(value: Any) -> bool:
    return value is False or bool(value)


def _type_error(name: str, value: Any) -> ModelError:
    default = DEFAULTS[name]
    text = list(default) if isinstance(default, tuple) else default
    return ModelError(f"{name} is {printable(str(value))[:80]}; give a value such as {text}")


def _read(config: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Return what a configuration and those that it is based on say of the settings that matter; and their files."""
    files: list[Path] = []
    found: dict[str, Any] = {}
    path: Path | None = config
    while path is not None:
        if path.resolve() in files or len(files) == _MAX_BASES:
            raise ModelError(f"{config}: its {_BASE} leads back to {path}; correct it")
        content = _content(path, based=bool(files))
        files.append(path.resolve())
        found = {**_settings_in(content), **found}
        base = content.get(_BASE)
        path = None if base is None else path.parent / str(base)
    return found, tuple(files)


def _settings_in(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the settings that matter, as far as they stand there."""
    found = {}
    for name in DEFAULTS:
        part: Any = content
        for key in name.split("."):
            part = part.get(key, _ABSENT) if isinstance(part, Mapping) else _ABSENT
        if part is not _ABSENT:
            found[name] = part
    return found


def _content(path: Path, *, based: bool) -> dict[str, Any]:
    try:
        content = yaml.load(read_text(path, _SIZE_LIMIT), Loader=_Inert)
    except OSError as error:
        hint = "give the whole config.yaml that training wrote, or put it there" if based else "give a YAML file"
        what = f"the {_BASE} of the configuration, {path}," if based else str(path)
        raise ModelError(f"{what} cannot be read ({reason_of(error)}); {hint}") from error
    except (UnreadableTextError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid YAML ({' '.join(str(error).split())[:200]}); correct it") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: not a configuration of detectron2; it begins with keys such as MODEL")
    return content


class _Inert(yaml.SafeLoader):
    """Reads plain values; an expression of Python, as sizes of training are written, becomes None and never runs."""


def _tuple_or_none(loader: Any, suffix: str, node: Any) -> Any:
    is_tuple = suffix == "python/tuple" and isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node, deep=True) if is_tuple else None


_Inert.add_multi_constructor("tag:yaml.org,2002:", _tuple_or_none)
