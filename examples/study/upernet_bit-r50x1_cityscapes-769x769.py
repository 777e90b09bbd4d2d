"""UPerNet upon a BiT-R50x1 (Kolesnikov et al., ECCV 2020) for the 19 classes of Cityscapes.

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
        "type": "TIMMBackbone",
        "model_name": "resnetv2_50x1_bitm",
        "features_only": True,
        "pretrained": False,
    },
    "decode_head": {
        "type": "UPerHead",
        "in_channels": [256, 512, 1024, 2048],
        "in_index": [1, 2, 3, 4],
        "channels": 512,
        "pool_scales": (1, 2, 3, 6),
        "num_classes": 19,
        "norm_cfg": {"type": "BN"},
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
