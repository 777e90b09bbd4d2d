"""Small networks of transformers with random weights, saved as detectron2 saves its own.

The table of names is written from the published names, apart from the one that the package reads them with.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    DetrConfig,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    ResNetConfig,
    SwinConfig,
)

STAGES = ["stage1", "stage2", "stage3", "stage4"]
_SWIN = r"^model\.pixel_level_module\.encoder\.(?:swin|model)\."
_RESNET = r"^model\.pixel_level_module\.encoder\."
_PIXEL = r"^model\.pixel_level_module\.decoder\."
_TRANSFORMER = r"^model\.transformer_module\."
_BLOCK = _SWIN + r"encoder\.layers\.(\d+)\.blocks\.(\d+)\."

# (pattern of a name in transformers, name in detectron2)
_BACKBONES = [
    (_SWIN + r"embeddings\.patch_embeddings\.projection\.", r"backbone.patch_embed.proj."),
    (_SWIN + r"embeddings\.norm\.", r"backbone.patch_embed.norm."),
    (_BLOCK + r"layernorm_before\.", r"backbone.layers.\1.blocks.\2.norm1."),
    (_BLOCK + r"layernorm_after\.", r"backbone.layers.\1.blocks.\2.norm2."),
    (
        _BLOCK + r"attention\.(?:relative_position_bias|self)\.relative_position_(bias_table|index)$",
        r"backbone.layers.\1.blocks.\2.attn.relative_position_\3",
    ),
    (_BLOCK + r"attention\.(?:o_proj|output\.dense)\.", r"backbone.layers.\1.blocks.\2.attn.proj."),
    (_BLOCK + r"(?:mlp\.fc1|intermediate\.dense)\.", r"backbone.layers.\1.blocks.\2.mlp.fc1."),
    (_BLOCK + r"(?:mlp\.fc2|output\.dense)\.", r"backbone.layers.\1.blocks.\2.mlp.fc2."),
    (_SWIN + r"encoder\.layers\.(\d+)\.downsample\.", r"backbone.layers.\1.downsample."),
    (_RESNET + r"embedder\.embedder\.convolution\.", "backbone.stem.conv1."),
    (_RESNET + r"embedder\.embedder\.normalization\.", "backbone.stem.conv1.norm."),
]
_MASK2FORMER = [
    (_PIXEL + r"input_projections\.", "sem_seg_head.pixel_decoder.input_proj."),
    (_PIXEL + r"level_embed$", "sem_seg_head.pixel_decoder.transformer.level_embed"),
    (_PIXEL + r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.", r"@enc.\1.norm1."),
    (_PIXEL + r"encoder\.layers\.(\d+)\.final_layer_norm\.", r"@enc.\1.norm2."),
    (_PIXEL + r"encoder\.layers\.(\d+)\.fc(\d)\.", r"@enc.\1.linear\2."),
    (_PIXEL + r"encoder\.layers\.(\d+)\.", r"@enc.\1."),
    (r"^@enc\.", "sem_seg_head.pixel_decoder.transformer.encoder.layers."),
    (_PIXEL + r"(adapter|layer)_1\.0\.", r"sem_seg_head.pixel_decoder.\1_1."),
    (_PIXEL + r"(adapter|layer)_1\.1\.", r"sem_seg_head.pixel_decoder.\1_1.norm."),
    (_PIXEL + r"mask_projection\.", "sem_seg_head.pixel_decoder.mask_features."),
    (_TRANSFORMER + r"queries_features\.", "sem_seg_head.predictor.query_feat."),
    (_TRANSFORMER + r"queries_embedder\.", "sem_seg_head.predictor.query_embed."),
    (_TRANSFORMER + r"level_embed\.", "sem_seg_head.predictor.level_embed."),
    (_TRANSFORMER + r"decoder\.layernorm\.", "sem_seg_head.predictor.decoder_norm."),
    (
        _TRANSFORMER + r"decoder\.mask_predictor\.mask_embedder\.(\d)\.0\.",
        r"sem_seg_head.predictor.mask_embed.layers.\1.",
    ),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.self_attn\.", r"@transformer_self_attention_layers.\1.self_attn."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.self_attn_layer_norm\.", r"@transformer_self_attention_layers.\1.norm."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.cross_attn\.", r"@transformer_cross_attention_layers.\1.multihead_attn."),
    (
        _TRANSFORMER + r"decoder\.layers\.(\d+)\.cross_attn_layer_norm\.",
        r"@transformer_cross_attention_layers.\1.norm.",
    ),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.fc(\d)\.", r"@transformer_ffn_layers.\1.linear\2."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.final_layer_norm\.", r"@transformer_ffn_layers.\1.norm."),
    (r"^class_predictor\.", "@class_embed."),
    ("^@", "sem_seg_head.predictor."),
]
_MASKFORMER = [
    (_PIXEL + r"fpn\.stem\.0\.", "@layer_4."),
    (_PIXEL + r"fpn\.stem\.1\.", "@layer_4.norm."),
    *((_PIXEL + rf"fpn\.layers\.{i}\.proj\.0\.", f"@adapter_{3 - i}.") for i in range(3)),
    *((_PIXEL + rf"fpn\.layers\.{i}\.proj\.1\.", f"@adapter_{3 - i}.norm.") for i in range(3)),
    *((_PIXEL + rf"fpn\.layers\.{i}\.block\.0\.", f"@layer_{3 - i}.") for i in range(3)),
    *((_PIXEL + rf"fpn\.layers\.{i}\.block\.1\.", f"@layer_{3 - i}.norm.") for i in range(3)),
    (_PIXEL + r"mask_projection\.", "@mask_features."),
    ("^@", "sem_seg_head.pixel_decoder."),
    (_TRANSFORMER + r"queries_embedder\.", "@query_embed."),
    (_TRANSFORMER + r"input_projection\.", "@input_proj."),
    (_TRANSFORMER + r"decoder\.layernorm\.", "@transformer.decoder.norm."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.self_attn_layer_norm\.", r"@transformer.decoder.layers.\1.norm1."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.encoder_attn_layer_norm\.", r"@transformer.decoder.layers.\1.norm2."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.final_layer_norm\.", r"@transformer.decoder.layers.\1.norm3."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.(?:mlp\.)?fc(\d)\.", r"@transformer.decoder.layers.\1.linear\2."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.self_attn\.", r"@transformer.decoder.layers.\1.self_attn."),
    (_TRANSFORMER + r"decoder\.layers\.(\d+)\.encoder_attn\.", r"@transformer.decoder.layers.\1.multihead_attn."),
    (r"^class_predictor\.", "@class_embed."),
    (r"^mask_embedder\.(\d)\.0\.", r"@mask_embed.layers.\1."),
    ("^@", "sem_seg_head.predictor."),
]


def small_swin() -> SwinConfig:
    """Return the configuration of a Swin transformer with windows that do not divide its maps."""
    depths, heads = [2, 1, 2, 1], [1, 2, 2, 4]
    return SwinConfig(embed_dim=16, depths=depths, num_heads=heads, window_size=3, out_features=STAGES)


def small_resnet() -> ResNetConfig:
    """Return the configuration of a ResNet of bottleneck blocks."""
    return ResNetConfig(embedding_size=8, hidden_sizes=[32, 64, 128, 256], depths=[2, 1, 2, 1], out_features=STAGES)


def mask2former(backbone: Any, *, classes: int = 3, seed: int = 0) -> Any:
    """Return a small Mask2Former with random weights."""
    config = Mask2FormerConfig(
        backbone_config=backbone,
        num_labels=classes,
        num_queries=7,
        hidden_dim=32,
        feature_size=32,
        mask_feature_size=32,
        encoder_layers=2,
        encoder_feedforward_dim=48,
        decoder_layers=4,
        dim_feedforward=40,
        num_attention_heads=4,
    )
    return _randomised(Mask2FormerForUniversalSegmentation(config), seed)


def maskformer(backbone: Any, *, classes: int = 3, seed: int = 0) -> Any:
    """Return a small MaskFormer with random weights."""
    decoder = DetrConfig(
        backbone_config=small_resnet(),
        use_timm_backbone=False,
        d_model=32,
        num_queries=6,
        decoder_layers=2,
        decoder_ffn_dim=40,
        decoder_attention_heads=8,
        encoder_attention_heads=8,
    )
    config = MaskFormerConfig(
        backbone_config=backbone,
        decoder_config=decoder,
        num_labels=classes,
        fpn_feature_size=64,
        mask_feature_size=32,
    )
    return _randomised(MaskFormerForInstanceSegmentation(config), seed)


def detectron2_tensors(model: Any) -> dict[str, np.ndarray]:
    """Return the tensors of a network of transformers under the names of detectron2, packed as it packs them."""
    state = model.state_dict()
    return {
        name: np.concatenate([state[own].numpy() for own in parts])
        if len(parts) > 1
        else state[parts[0]].numpy().copy()
        for name, parts in detectron2_names(model).items()
    }


def detectron2_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of these tensors; the network may have no content."""
    state = model.state_dict()
    shapes = {}
    for name, parts in detectron2_names(model).items():
        first = tuple(state[parts[0]].shape)
        shapes[name] = (len(parts) * first[0], *first[1:]) if len(parts) > 1 else first
    return shapes


def detectron2_names(model: Any) -> dict[str, list[str]]:
    """Return for each tensor of detectron2 those of transformers that it consists of, one after the other."""
    head = _MASK2FORMER if type(model).__name__.startswith("Mask2Former") else _MASKFORMER
    unused = re.compile(_SWIN + r"layernorm\.")  # of the last map, behind which each map has a norm of its own
    names: dict[str, list[str]] = {}
    for own in model.state_dict():
        if unused.match(own):
            continue
        name = own
        for pattern, text in (*_BACKBONES, *head):
            name = re.sub(pattern, text, name)
        names.setdefault(_packed(_of_stages(name)), []).append(own)
    order = {"query": 0, "q_proj": 0, "key": 1, "k_proj": 1, "value": 2, "v_proj": 2}
    return {name: sorted(own, key=lambda n: order.get(n.split(".")[-2], 0)) for name, own in names.items()}


def save_pickle(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """Write a checkpoint as detectron2's model zoo holds it."""
    path.write_bytes(pickle.dumps({"model": tensors, "__author__": "third_party"}, protocol=4))
    return path


def _randomised(model: Any, seed: int) -> Any:
    """Return the network with random numbers in all tensors: none is one that another could have."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and "empty_weight" not in name:
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(1 + noise.abs() / 4)
            elif tensor.ndim > 1 and "embed" not in name and "queries" not in name:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(noise / 4 + (name.endswith("norm.weight") or "normalization.weight" in name))
    return model.eval()


def _of_stages(name: str) -> str:
    """Return the name of what is counted otherwise: stages of a ResNet, and the norms of a Swin's maps."""
    start = re.escape("model.pixel_level_module.encoder.")
    stage = re.match(start + r"hidden_states_norms\.(?:stage)?(\d)\.(\w+)$", name)
    if stage:
        return f"backbone.norm{int(stage[1]) - ('stage' in name)}.{stage[2]}"
    block = re.match(start + r"encoder\.stages\.(\d)\.layers\.(\d+)\.(?:layer\.(\d)|shortcut)\.(.*)$", name)
    if block:
        layer = f"conv{int(block[3]) + 1}" if block[3] else "shortcut"
        rest = block[4].replace("convolution.", "").replace("normalization.", "norm.")
        return f"backbone.res{int(block[1]) + 2}.{block[2]}.{layer}.{rest}"
    return name


def _packed(name: str) -> str:
    """Return the name of the tensor that holds queries, keys and values, for each of these."""
    name = name.replace(".o_proj.", ".out_proj.")
    name = re.sub(
        _BLOCK + r"attention\.(?:self\.)?(?:q_proj|k_proj|v_proj|query|key|value)\.",
        r"backbone.layers.\1.blocks.\2.attn.qkv.",
        name,
    )
    return re.sub(r"\.(?:q_proj|k_proj|v_proj)\.(weight|bias)$", r".in_proj_\1", name)
