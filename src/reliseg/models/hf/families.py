"""The families of transformers' segmentation networks: which sizes they take, how they are run, what they give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm
from typing import Any, Literal, TypeAlias

from torch import Tensor

from reliseg.errors import ModelError, count_text, image_size_text, shape_text
from reliseg.models.options import MaskOrder
from reliseg.models.torch.network import Queries
from reliseg.types import Float

Size: TypeAlias = tuple[int, int]
Sizes: TypeAlias = Literal["any", "squares", "own"]
Pooled: TypeAlias = Float[Tensor, "n f"] | None


@dataclass(frozen=True)
class Family:
    """What is known of the networks of one `model_type`.

    Without `tokens_before` the feature is the mean of the backbone's last map over its positions. Otherwise the
    hidden states are sequences: the feature is the mean of those of the patches, which follow so many others.
    """

    sizes: Sizes = "any"
    tokens_before: Callable[[Any], int] | None = None
    """Tokens of the class, of registers and of queries, from the network's configuration."""
    has_patches: bool = False
    """Pixels beyond a multiple of the patch, at the bottom and to the right, are left out."""
    masks: MaskOrder | None = None
    """The default order of mask classification; None for networks that give logits."""
    brings_to_input: bool = False
    """Its library brings logits to the size of the network's input first, and then to that of the image."""
    shows_states: bool = True
    """It takes `output_hidden_states`, as all networks of transformers do."""


def _class_token(config: Any) -> int:
    return 1


def _class_token_and_registers(config: Any) -> int:
    vision = getattr(config, "backbone_config", None) or config
    return 1 + int(vision.num_register_tokens)


def _queries_and_prefix(config: Any) -> int:
    return int(config.num_queries) + 1 + int(config.num_register_tokens)


FAMILIES: Mapping[str, Family] = {
    "beit": Family(tokens_before=_class_token, has_patches=True),
    "data2vec-vision": Family("own", tokens_before=_class_token),
    "dpt": Family("squares", tokens_before=_class_token, has_patches=True),
    "eomt": Family("own", tokens_before=_queries_and_prefix, masks="window"),
    "eomt_dinov3": Family("own", tokens_before=_queries_and_prefix, masks="window"),
    "mask2former": Family(masks="input"),
    "maskformer": Family(masks="input"),
    "mobilenet_v2": Family(),
    "mobilevit": Family(),
    "mobilevitv2": Family(),
    "oneformer": Family(masks="input"),
    "sapiens2": Family(tokens_before=_class_token_and_registers, has_patches=True),
    "segformer": Family(),
    "tipsv2_dpt": Family(tokens_before=_class_token_and_registers, has_patches=True),
    "upernet": Family(brings_to_input=True),
}
LEFT_OUT: Mapping[str, str] = {
    "detr": "it gives masks of things and boxes, panoptic segmentation, and no class for every pixel",
    "videomt": "it takes video, and images here are predicted one by one",
}
"""Families of the universal mapping that do not fit, and why."""


def family_of(config: Any, *, own_code: bool = False) -> Family:
    """Return the family of a configuration, of which a hybrid DPT has one of its own.

    Of a network with code of its own nothing is known, whatever it calls its family.
    """
    if own_code:
        return Family(shows_states=False)
    if config.model_type == "dpt" and config.is_hybrid:
        return Family("own", tokens_before=_class_token)
    return FAMILIES.get(config.model_type, Family())


def own_size(family: Family, config: Any) -> Size | None:
    """Return the (height, width) that a network was made for; None where it takes any."""
    return None if family.sizes == "any" else _pair(config.image_size)


def patch_size(family: Family, config: Any) -> Size | None:
    """Return the (height, width) of the patches that a network cuts images into, if it leaves out what is beyond."""
    return _pair((getattr(config, "backbone_config", None) or config).patch_size) if family.has_patches else None


def _pair(size: int | Sequence[int]) -> Size:
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


@dataclass(frozen=True, eq=False)
class Runner:
    """A network and its family: normalised images in; native logits, or queries and their masks, and a feature out.

    `task` holds the tokens of OneFormer's task.
    """

    model: Any
    family: Family
    task: Tensor | None = None
    _cut: list[Size] = field(default_factory=list)
    """The size of the first image of which pixels were left out."""

    def notes(self) -> list[str]:
        """Return a line about pixels that the network did not look at, if there were any."""
        patch = patch_size(self.family, self.model.config)
        if patch is None or not self._cut:
            return []
        rest = " and ".join(
            count_text(edge % side, what)
            for edge, side, what in zip(self._cut[0], patch, ("row", "column"), strict=True)
            if edge % side
        )
        return [
            f"cuts images into patches of {shape_text(patch)} and leaves out what is beyond the last one: "
            f"{rest} of an image of {image_size_text(self._cut[0])}, over which its logits are stretched; set "
            f"pad: {{to_multiple: {lcm(*patch)}}}"
        ]

    def logits(self, pixels: Float[Tensor, "n 3 H W"]) -> tuple[Float[Tensor, "n c h w"], Pooled]:
        """Return logits at the stride of the head, and the feature."""
        self._observe(pixels)
        if self.family.brings_to_input:  # UPerNet's forward upsamples logits
            maps = self.model.backbone(pixels).feature_maps
            return self.model.decode_head(maps), maps[-1].mean(dim=(2, 3))
        asked = {"output_hidden_states": True} if self.family.shows_states else {}
        output = self.model(pixel_values=pixels, **asked)
        logits = getattr(output, "logits", None)
        if logits is None:
            raise ModelError("gives no logits; of models with code of their own, those that give `logits` can be used")
        return logits, self._pooled(getattr(output, "hidden_states", None))

    def queries(self, pixels: Float[Tensor, "n 3 H W"]) -> tuple[Queries, Pooled]:
        """Return the classes of each query and its mask, and the feature."""
        if self.family.tokens_before is not None:  # a plain transformer: queries are among its tokens
            output = self.model(pixel_values=pixels)
            pooled = self._pooled([output.last_hidden_state])
        else:
            task = {} if self.task is None else {"task_inputs": self.task.to(pixels.device).expand(len(pixels), -1)}
            output = self.model(pixel_values=pixels, output_hidden_states=True, **task)
            pooled = self._pooled(output.encoder_hidden_states)
        return Queries(output.class_queries_logits, output.masks_queries_logits), pooled

    def _observe(self, pixels: Tensor) -> None:
        patch, (height, width) = patch_size(self.family, self.model.config), pixels.shape[2:]
        if patch and (height % patch[0] or width % patch[1]) and not self._cut:
            self._cut.append((height, width))

    def _pooled(self, states: Sequence[Tensor] | None) -> Pooled:
        """Return the mean over positions of the deepest hidden states; None where the network shows none."""
        if not states:
            return None
        deepest = states[-1]
        if self.family.tokens_before is not None and deepest.ndim == 3:
            return deepest[:, self.family.tokens_before(self.model.config) :].mean(dim=1)
        return deepest.mean(dim=(2, 3)) if deepest.ndim == 4 else None
