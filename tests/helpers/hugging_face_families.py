"""Tiny networks with random weights of every family of transformers that a still image makes sense for."""

from collections.abc import Callable
from typing import Any

import transformers as hf
from transformers.models.sapiens2.configuration_sapiens2 import Sapiens2HeadConfig

from helpers.hugging_face import CITYSCAPES, STAGES, TINY, class_names, segformer, upernet

NAMES = class_names(CITYSCAPES.classes)
VIT = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
SQUARE = {"image_size": 64, "patch_size": 16}
NECK = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}


def swin() -> Any:
    heads = {"depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4}
    return hf.SwinConfig(embed_dim=8, out_features=STAGES, **heads)


def beit() -> Any:
    own = {"out_indices": [1, 2, 3, 4], "pool_scales": [1, 2], "use_relative_position_bias": True}
    return hf.BeitForSemanticSegmentation(hf.BeitConfig(**VIT, **SQUARE, **NAMES, **own))


def data2vec() -> Any:
    own = {"out_indices": [0, 1, 2, 3], "pool_scales": [1, 2]}
    return hf.Data2VecVisionForSemanticSegmentation(hf.Data2VecVisionConfig(**VIT, **SQUARE, **NAMES, **own))


def dpt() -> Any:
    own = {"backbone_out_indices": [0, 1, 2, 3], "auxiliary_channels": 8}
    return hf.DPTForSemanticSegmentation(hf.DPTConfig(**VIT, **SQUARE, **NAMES, **NECK, **own))


def hybrid_dpt() -> Any:
    backbone = {
        **{"model_type": "bit", "layer_type": "bottleneck", "depths": [1, 1, 1], "hidden_sizes": [8, 8, 1024]},
        **{"embedding_size": 8, "num_groups": 4, "global_padding": "same", "embedding_dynamic_padding": True},
        "out_features": ["stage1", "stage2", "stage3"],
    }
    own = {
        **{"is_hybrid": True, "backbone_config": backbone, "backbone_featmap_shape": [1, 1024, 4, 4]},
        **{"backbone_out_indices": [2, 5, 8, 11], "neck_ignore_stages": [0, 1], "auxiliary_channels": 8},
        "reassemble_factors": [1, 1, 1, 0.5],
    }
    sizes = VIT | {"num_hidden_layers": 12}
    return hf.DPTForSemanticSegmentation(hf.DPTConfig(**sizes, **SQUARE, **NAMES, **NECK, **own))


def mobilenet_v2() -> Any:
    return hf.MobileNetV2ForSemanticSegmentation(hf.MobileNetV2Config(**NAMES, depth_multiplier=0.25, output_stride=8))


def mobilevit() -> Any:
    own = {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 32], "num_attention_heads": 2}
    return hf.MobileViTForSemanticSegmentation(hf.MobileViTConfig(**NAMES, **own, aspp_out_channels=8))


def mobilevitv2() -> Any:
    own = {"width_multiplier": 0.25, "base_attn_unit_dims": [32] * 3, "n_attn_blocks": [1] * 3}
    return hf.MobileViTV2ForSemanticSegmentation(hf.MobileViTV2Config(**NAMES, **own, aspp_out_channels=8))


def sapiens2() -> Any:
    head = Sapiens2HeadConfig(upsample_out_channels=[8, 8], conv_out_channels=[8])
    own = {"image_size": [64, 48], "patch_size": 16, "num_register_tokens": 3, "head_config": head}
    return hf.Sapiens2ForSemanticSegmentation(hf.Sapiens2Config(**VIT, **NAMES, **own))


def tipsv2_dpt() -> Any:
    backbone = hf.Tipsv2VisionConfig(
        **{"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 56},
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
    )
    return hf.Tipsv2DptForSemanticSegmentation(hf.Tipsv2DptConfig(**NAMES, **NECK, backbone_config=backbone))


def upernet_swin() -> Any:
    return upernet(backbone_config=swin())


def upernet_bit() -> Any:
    sizes = {**TINY, "embedding_size": 8, "num_groups": 4}
    return upernet(backbone_config=hf.BitConfig(**sizes, out_features=STAGES))


def upernet_resnet() -> Any:
    return upernet(backbone_config=hf.ResNetConfig(**TINY, embedding_size=8, out_features=STAGES))


SEMANTIC: dict[str, Callable[[], Any]] = {
    "beit": beit,
    "data2vec-vision": data2vec,
    "dpt": dpt,
    "dpt, hybrid": hybrid_dpt,
    "mobilenet_v2": mobilenet_v2,
    "mobilevit": mobilevit,
    "mobilevitv2": mobilevitv2,
    "sapiens2": sapiens2,
    "segformer": segformer,
    "tipsv2_dpt": tipsv2_dpt,
    "upernet, convnext": upernet,
    "upernet, swin": upernet_swin,
    "upernet, bit": upernet_bit,
    "upernet, resnet": upernet_resnet,
}


QUERIES = {"num_queries": 6}
DECODER = {
    **{"hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16, "encoder_layers": 1},
    **{"decoder_layers": 2, "num_attention_heads": 2},
}


def eomt() -> Any:
    own = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2, "num_blocks": 2}
    return hf.EomtForUniversalSegmentation(hf.EomtConfig(**own, **SQUARE, **QUERIES, **NAMES, num_register_tokens=2))


def eomt_dinov3() -> Any:
    own = {"num_blocks": 2, "num_register_tokens": 2}
    return hf.EomtDinov3ForUniversalSegmentation(hf.EomtDinov3Config(**VIT, **SQUARE, **QUERIES, **NAMES, **own))


def mask2former() -> Any:
    own = {"backbone_config": swin(), "feature_size": 32, "mask_feature_size": 32}
    return hf.Mask2FormerForUniversalSegmentation(hf.Mask2FormerConfig(**own, **DECODER, **QUERIES, **NAMES))


def maskformer() -> Any:
    sizes = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16}
    decoder = hf.DetrConfig(**sizes, **QUERIES, encoder_layers=1)
    own = {"backbone_config": swin(), "fpn_feature_size": 32, "mask_feature_size": 32, "decoder_config": decoder}
    return hf.MaskFormerForInstanceSegmentation(hf.MaskFormerConfig(**own, **NAMES))


def oneformer() -> Any:
    text = {"text_encoder_width": 16, "text_encoder_num_layers": 1, "text_encoder_vocab_size": 100}
    own = {"backbone_config": swin(), "conv_dim": 32, "mask_dim": 32, "text_encoder_proj_layers": 1}
    config = hf.OneFormerConfig(**own, **text, **DECODER, **QUERIES, **NAMES, is_training=False)
    return hf.OneFormerForUniversalSegmentation(config)


UNIVERSAL: dict[str, Callable[[], Any]] = {
    "eomt": eomt,
    "eomt_dinov3": eomt_dinov3,
    "mask2former": mask2former,
    "maskformer": maskformer,
    "oneformer": oneformer,
}
