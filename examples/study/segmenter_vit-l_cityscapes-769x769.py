"""Segmenter with a ViT-L and a mask transformer (Strudel et al., ICCV 2021) for the 19 classes of Cityscapes.

A configuration of mmsegmentation that says what evaluation needs: the network, and how it is asked.
"""

normalisation = {"type": "LN", "eps": 1e-6}
model = {
    "type": "EncoderDecoder",
    "data_preprocessor": {
        "type": "SegDataPreProcessor",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "bgr_to_rgb": True,
    },
    "backbone": {
        "type": "VisionTransformer",
        "img_size": (768, 768),
        "patch_size": 16,
        "embed_dims": 1024,
        "num_layers": 24,
        "num_heads": 16,
        "with_cls_token": True,
        "final_norm": True,
        "norm_cfg": normalisation,
        "interpolate_mode": "bicubic",
    },
    "decode_head": {
        "type": "SegmenterMaskTransformerHead",
        "in_channels": 1024,
        "channels": 1024,
        "embed_dims": 1024,
        "num_layers": 2,
        "num_heads": 16,
        "num_classes": 19,
        "dropout_ratio": 0.0,
        "align_corners": True,
    },
    "test_cfg": {"mode": "slide", "crop_size": (769, 769), "stride": (513, 513)},
}
test_pipeline = [
    {"type": "LoadImageFromFile"},
    {"type": "Resize", "scale": (2049, 1025), "keep_ratio": True},
    {"type": "PackSegInputs"},
]
test_dataloader = {"dataset": {"pipeline": test_pipeline}}
