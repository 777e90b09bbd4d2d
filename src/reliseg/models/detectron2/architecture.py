"""What a network is, read from the names and shapes of its tensors: nothing that they say has to be said again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Literal, TypeAlias

from reliseg.errors import ModelError, shape_text
from reliseg.runtime.printable import printable

Shape: TypeAlias = tuple[int, ...]
Head: TypeAlias = Literal["mask2former", "maskformer"]

POINTS, LEVELS = 4, 3
"""Of the deformable attention of Mask2Former's pixel decoder: points a level, and levels."""
_PIXEL_DECODER, _PREDICTOR = "sem_seg_head.pixel_decoder.", "sem_seg_head.predictor."


@dataclass(frozen=True)
class Swin:
    """A Swin transformer: width of the first stage, blocks and heads of each, edge of a window."""

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    mlp_ratio: float

    @property
    def channels(self) -> tuple[int, ...]:
        """The widths of its feature maps, at strides 4, 8, ..."""
        return tuple(self.width * 2**i for i in range(len(self.depths)))


@dataclass(frozen=True)
class ResNet:
    """A ResNet of bottleneck blocks; a deep stem has three convolutions in the place of one."""

    stem: tuple[int, ...]
    """Output channels of the stem's convolutions."""
    depths: tuple[int, ...]
    width: int
    """Channels of the first stage's output; each stage doubles them."""
    bottleneck: int
    """Channels inside the blocks of the first stage."""
    groups: int = 1

    @property
    def channels(self) -> tuple[int, ...]:
        """The widths of its feature maps, at strides 4, 8, ..."""
        return tuple(self.width * 2**i for i in range(len(self.depths)))

    @property
    def deep_stem(self) -> bool:
        """Tell if the stem has three convolutions, as R50c and R101c do."""
        return len(self.stem) > 1


@dataclass(frozen=True)
class Architecture:
    """A network for mask classification: `head` over `backbone`."""

    head: Head
    backbone: Swin | ResNet
    classes: int
    """Without the one for no object."""
    queries: int
    width: int
    """Of queries and of the layers of the transformers."""
    feature_width: int
    mask_width: int
    decoder_layers: int
    decoder_feedforward: int
    encoder_layers: int = 0
    encoder_feedforward: int = 0
    heads: int | None = None
    """Of all attention layers over the backbone; None where no shape says it."""


def read_architecture(shapes: Mapping[str, Shape]) -> Architecture:
    """Return the network that has tensors of these names and shapes; a ModelError names what it lacks."""
    found = _Shapes(shapes)
    backbone = _swin(found) if found.any("backbone.layers.") else _resnet(found)
    classes, width = found.of(f"{_PREDICTOR}class_embed.weight", 2)
    mask_width, feature_width = found.of(f"{_PIXEL_DECODER}mask_features.weight", 4)[:2]
    queries = found.of(f"{_PREDICTOR}query_embed.weight", 2)[0]
    if found.any(f"{_PREDICTOR}transformer_self_attention_layers."):
        sampled = found.of(f"{_PIXEL_DECODER}transformer.encoder.layers.0.self_attn.attention_weights.weight", 2)[0]
        return Architecture(
            head="mask2former",
            backbone=backbone,
            classes=classes - 1,
            queries=queries,
            width=width,
            feature_width=feature_width,
            mask_width=mask_width,
            decoder_layers=found.count(f"{_PREDICTOR}transformer_self_attention_layers."),
            decoder_feedforward=found.of(f"{_PREDICTOR}transformer_ffn_layers.0.linear1.weight", 2)[0],
            encoder_layers=found.count(f"{_PIXEL_DECODER}transformer.encoder.layers."),
            encoder_feedforward=found.of(f"{_PIXEL_DECODER}transformer.encoder.layers.0.linear1.weight", 2)[0],
            heads=max(1, sampled // (LEVELS * POINTS)),
        )
    if found.any(f"{_PREDICTOR}transformer.decoder."):
        return Architecture(
            head="maskformer",
            backbone=backbone,
            classes=classes - 1,
            queries=queries,
            width=width,
            feature_width=feature_width,
            mask_width=mask_width,
            decoder_layers=found.count(f"{_PREDICTOR}transformer.decoder.layers."),
            decoder_feedforward=found.of(f"{_PREDICTOR}transformer.decoder.layers.0.linear1.weight", 2)[0],
        )
    raise ModelError("it has the decoder of neither Mask2Former nor MaskFormer; give a checkpoint of one of these")


class _Shapes:
    """The shapes of a checkpoint's tensors, by name."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes

    def any(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self._shapes)

    def of(self, name: str, axes: int) -> Shape:
        """Return the shape of a tensor; a ModelError where it is not there, or has another number of axes."""
        shape = self._shapes.get(name)
        if shape is None:
            raise ModelError(
                f"it has no {name}; give the checkpoint of a whole Mask2Former or MaskFormer, as detectron2 saves it"
            )
        if len(shape) != axes or 0 in shape:
            raise ModelError(f"{printable(name)} is {shape_text(shape)}; a tensor of {axes} axes is needed")
        return shape

    def count(self, prefix: str) -> int:
        """Return how many parts are numbered after a prefix: 0, 1, .. without a gap."""
        numbers = {name[len(prefix) :].split(".")[0] for name in self._shapes if name.startswith(prefix)}
        return next(i for i in range(len(numbers) + 1) if str(i) not in numbers)

    def counts(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes of the parts that are numbered after a prefix."""
        yield from (f"{prefix}{i}." for i in range(self.count(prefix)))


def _swin(found: _Shapes) -> Swin:
    width = found.of("backbone.patch_embed.proj.weight", 4)[0]
    stages = list(found.counts("backbone.layers."))
    tables = [found.of(f"{stage}blocks.0.attn.relative_position_bias_table", 2) for stage in stages]
    return Swin(
        width=width,
        depths=tuple(found.count(f"{stage}blocks.") for stage in stages),
        heads=tuple(table[1] for table in tables),
        window=(isqrt(tables[0][0]) + 1) // 2 if tables else 1,
        mlp_ratio=found.of("backbone.layers.0.blocks.0.mlp.fc1.weight", 2)[0] / width,
    )


def _resnet(found: _Shapes) -> ResNet:
    convolutions = [f"backbone.stem.conv{i}.weight" for i in (1, 2, 3)]
    deep = found.any("backbone.stem.conv2.")
    inner, wide = (found.of(f"backbone.res2.0.conv{i}.weight", 4) for i in (1, 3))
    grouped = found.of("backbone.res2.0.conv2.weight", 4)
    return ResNet(
        stem=tuple(found.of(name, 4)[0] for name in (convolutions if deep else convolutions[:1])),
        depths=tuple(found.count(f"backbone.res{i}.") for i in (2, 3, 4, 5)),
        width=wide[0],
        bottleneck=inner[0],
        groups=max(1, inner[0] // grouped[1]),
    )
