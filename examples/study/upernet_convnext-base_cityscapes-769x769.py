"""UPerNet upon a ConvNeXt-B (Liu et al., CVPR 2022) for the 19 classes of Cityscapes.

A configuration of mmsegmentation that says what evaluation needs: the network, and how it is asked.
"""

custom_imports = {"imports": ["mmpretrain.models"]}
model = {
    "type": "EncoderDecoder",
    "data_preprocessor": {
        "type": "SegDataPreProcessor",
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "bgr_to_rgb": True,
    },
    "backbone": {
        "type": "mmpretrain.ConvNeXt",
        "arch": {"depths": [3, 3, 27, 3], "channels": [128, 256, 512, 1024]},
        "out_indices": [0, 1, 2, 3],
        "layer_scale_init_value": 1.0,
        "gap_before_final_norm": False,
    },
    "decode_head": {
        "type": "UPerHead",
        "in_channels": [128, 256, 512, 1024],
        "in_index": [0, 1, 2, 3],
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
