"""UPerNet upon a Swin-L (Liu et al., ICCV 2021) for the 19 classes of Cityscapes.

A configuration of mmsegmentation that says what evaluation needs: the network, and how it is asked.
"""

model = {
    "type": "EncoderDecoder",
    "data_preprocessor": {
        "type": "SegDataPreProcessor",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "bgr_to_rgb": True,
    },
    "backbone": {
        "type": "SwinTransformer",
        "pretrain_img_size": 224,
        "patch_size": 4,
        "window_size": 7,
        "embed_dims": 192,
        "depths": [2, 2, 18, 2],
        "num_heads": [6, 12, 24, 48],
        "out_indices": (0, 1, 2, 3),
    },
    "decode_head": {
        "type": "UPerHead",
        "in_channels": [192, 384, 768, 1536],
        "in_index": [0, 1, 2, 3],
        "channels": 512,
        "pool_scales": (1, 2, 3, 6),
        "num_classes": 19,
        "norm_cfg": {"type": "BN"},
        "align_corners": False,
    },
    "test_cfg": {"mode": "slide", "crop_size": (769, 769), "stride": (513, 513)},
}
test_pipeline = [
    {"type": "LoadImageFromFile"},
    {"type": "Resize", "scale": (2049, 1025), "keep_ratio": True},
    {"type": "PackSegInputs"},
]
test_dataloader = {"dataset": {"pipeline": test_pipeline}}
