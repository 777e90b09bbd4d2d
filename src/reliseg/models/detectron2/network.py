"""A network of transformers with the weights of a checkpoint of detectron2, every tensor in its place."""

from collections.abc import Mapping
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    DetrConfig,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    ResNetConfig,
    SwinConfig,
)

from reliseg.errors import ModelError
from reliseg.models.detectron2.architecture import Architecture, ResNet, Swin
from reliseg.models.detectron2.resnet import Layout, ResNetBackbone
from reliseg.models.detectron2.tensors import BACKBONE, Entry, check_shapes, entries_of, is_left_out, plain_name

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_WITHOUT_SOURCE = (
    "criterion.empty_weight",
    "relative_position_index",
    "encoder.swin.layernorm.weight",
    "encoder.swin.layernorm.bias",
    "encoder.model.layernorm.weight",
    "encoder.model.layernorm.bias",
)
"""Endings of tensors that are of training, computed by transformers itself, or of a layer whose output is not used."""
_ENCODER = "model.pixel_level_module.encoder."


def build_network(
    tensors: Mapping[str, Tensor], network: Architecture, *, layout: Layout, heads: int, pre_norm: bool
) -> Any:
    """Return the network in evaluation mode, with these tensors; a ModelError names the first that is out of place.

    `network` is what the shapes of the tensors say, and the rest what they do not.
    """
    named = {plain_name(name): tensor for name, tensor in tensors.items()}
    entries = entries_of(network)
    check_shapes({name: tuple(tensor.shape) for name, tensor in named.items()}, entries)
    state = _converted(named, entries)
    backbone = None
    if isinstance(network.backbone, ResNet):
        backbone = _loaded_backbone(state, network.backbone, layout)
    kind, config = configuration(network, heads, pre_norm)
    model, report = kind.from_pretrained(
        None, config=config, state_dict=state, dtype=torch.float32, output_loading_info=True
    )
    _check_report(report, own_backbone=backbone is not None)
    if backbone is not None:
        model.model.pixel_level_module.encoder = backbone
    return model.eval().requires_grad_(False)


def left_out(tensors: Mapping[str, Any]) -> list[str]:
    """Return the names of a checkpoint's tensors that are not of the network."""
    return [name for name in tensors if is_left_out(plain_name(name))]


def _converted(tensors: Mapping[str, Tensor], entries: list[Entry]) -> dict[str, Tensor]:
    """Return the tensors under their new names, packed ones in parts."""
    state = {}
    for entry in entries:
        tensor = tensors[entry.source].float()
        rows = len(tensor) // len(entry.targets)
        for i, target in enumerate(entry.targets):
            state[target] = tensor[i * rows : (i + 1) * rows].contiguous()
    return state


def _loaded_backbone(state: dict[str, Tensor], resnet: ResNet, layout: Layout) -> nn.Module:
    """Return the backbone with its tensors, which it takes out of the state."""
    with torch.device("meta"):
        backbone = ResNetBackbone(resnet, layout)
    own = {name: state.pop(name) for name in list(state) if name.startswith(BACKBONE)}
    own = {name.removeprefix(BACKBONE): tensor for name, tensor in own.items()}
    counters = {n: torch.zeros((), dtype=torch.long) for n in backbone.state_dict() if n.endswith("batches_tracked")}
    backbone.load_state_dict({**own, **counters}, assign=True)
    return backbone


def configuration(network: Architecture, heads: int, pre_norm: bool) -> tuple[Any, Any]:
    """Return the class of transformers and its configuration."""
    backbone = _backbone_config(network.backbone)
    if network.head == "mask2former":
        return Mask2FormerForUniversalSegmentation, Mask2FormerConfig(
            backbone_config=backbone,
            num_labels=network.classes,
            num_queries=network.queries,
            hidden_dim=network.width,
            feature_size=network.feature_width,
            mask_feature_size=network.mask_width,
            encoder_layers=network.encoder_layers,
            encoder_feedforward_dim=network.encoder_feedforward,
            decoder_layers=network.decoder_layers + 1,  # it counts the prediction before the first layer
            dim_feedforward=network.decoder_feedforward,
            num_attention_heads=heads,
            pre_norm=pre_norm,
        )
    decoder = DetrConfig(
        backbone_config=_backbone_config(network.backbone),
        use_timm_backbone=False,
        d_model=network.width,
        num_queries=network.queries,
        decoder_layers=network.decoder_layers,
        decoder_ffn_dim=network.decoder_feedforward,
        decoder_attention_heads=heads,
        encoder_attention_heads=heads,
    )
    return MaskFormerForInstanceSegmentation, MaskFormerConfig(
        backbone_config=backbone,
        decoder_config=decoder,
        num_labels=network.classes,
        fpn_feature_size=network.feature_width,
        mask_feature_size=network.mask_width,
    )


def _backbone_config(backbone: Swin | ResNet) -> Any:
    """Return the configuration of a backbone; of a ResNet, of a small one in whose place ours is put."""
    if isinstance(backbone, ResNet):
        return ResNetConfig(
            embedding_size=8, hidden_sizes=list(backbone.channels), depths=[1] * 4, out_features=_STAGES
        )
    return SwinConfig(
        embed_dim=backbone.width,
        depths=list(backbone.depths),
        num_heads=list(backbone.heads),
        window_size=backbone.window,
        mlp_ratio=backbone.mlp_ratio,
        out_features=_STAGES,
    )


def _check_report(report: Mapping[str, Any], *, own_backbone: bool) -> None:
    """Raise a ModelError unless transformers has found all of its tensors, and no others."""
    missing = [name for name in report["missing_keys"] if not name.endswith(_WITHOUT_SOURCE)]
    if own_backbone:
        missing = [name for name in missing if not name.startswith(_ENCODER)]
    others = [*report["unexpected_keys"], *(str(entry[0]) for entry in report["mismatched_keys"])]
    problems = sorted(missing) + sorted(others)
    if problems:
        raise ModelError(
            f"transformers {transformers.__version__} builds another network: {problems[0]} does not fit; "
            "install version 5.23"
        )
