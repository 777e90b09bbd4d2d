"""Small networks of mmsegmentation with random weights: configurations, checkpoints, and what the library predicts."""

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.labels import label_space
from reliseg.models import ModelOptions

CLASSES = label_space("cityscapes").classes
SCALE = (320, 160)
"""Width and height that images are resized to fit within, where a configuration says nothing else."""
WHOLE = {"mode": "whole"}


@dataclass(frozen=True)
class Family:
    """A shipped configuration, and what is changed to make its network small."""

    shipped: str
    model: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] = field(default_factory=lambda: dict(WHOLE))


_VIT = {"embed_dims": 48, "num_layers": 4, "num_heads": 3, "img_size": (64, 64)}
_ALL_LAYERS = {"out_indices": (0, 1, 2, 3)}
_SMALL_RESNET = {
    "backbone": {"base_channels": 16, "stem_channels": 16},
    "auxiliary_head": {"in_channels": 64, "channels": 16},
}


def _uper(channels: list[int], backbone: dict[str, Any]) -> dict[str, Any]:
    heads = {"num_classes": 19, "channels": 32}
    return {
        "backbone": backbone,
        "decode_head": {"in_channels": channels, **heads},
        "auxiliary_head": {"in_channels": channels[2], **heads},
    }


FAMILIES = {
    "segformer": Family(
        "segformer_mit-b0_8xb1-160k_cityscapes-1024x1024",
        {"backbone": {"embed_dims": 16}, "decode_head": {"in_channels": [16, 32, 80, 128], "channels": 32}},
    ),
    "deeplabv3plus": Family(
        "deeplabv3plus_r18-d8_4xb2-80k_cityscapes-769x769",
        _SMALL_RESNET | {"decode_head": {"in_channels": 128, "channels": 32, "c1_in_channels": 16, "c1_channels": 8}},
    ),
    "upernet-resnet": Family(
        "upernet_r18_4xb2-40k_cityscapes-512x1024",
        _SMALL_RESNET | {"decode_head": {"in_channels": [16, 32, 64, 128], "channels": 32}},
    ),
    "upernet-swin": Family(
        "swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512",
        _uper([24, 48, 96, 192], {"embed_dims": 24, "depths": [1, 1, 1, 1]}),
    ),
    "upernet-convnext": Family(
        "convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512",
        _uper(
            [16, 32, 64, 128],
            {
                "_delete_": True,
                "type": "mmpretrain.ConvNeXt",
                "arch": {"depths": [1, 1, 2, 1], "channels": [16, 32, 64, 128]},
                "out_indices": [0, 1, 2, 3],
                "gap_before_final_norm": False,
            },
        ),
    ),
    "upernet-bit": Family(
        "upernet_r50_4xb2-40k_cityscapes-769x769",
        {
            "backbone": {
                "_delete_": True,
                "type": "TIMMBackbone",
                "model_name": "resnetv2_50x1_bitm",
                "pretrained": True,
            },
            "decode_head": {"in_index": [1, 2, 3, 4], "channels": 32},
            "auxiliary_head": {"in_index": 3, "channels": 16},
        },
    ),
    "setr-naive": Family(
        "setr_vit-l_naive_8xb1-80k_cityscapes-768x768",
        {"backbone": _VIT | _ALL_LAYERS, "decode_head": {"in_channels": 48, "channels": 32}, "auxiliary_head": None},
    ),
    "setr-pup": Family(
        "setr_vit-l_pup_8xb1-80k_cityscapes-768x768",
        {"backbone": _VIT | _ALL_LAYERS, "decode_head": {"in_channels": 48, "channels": 32}, "auxiliary_head": None},
    ),
    "setr-mla": Family(
        "setr_vit-l_mla_8xb1-80k_cityscapes-768x768",
        {
            "backbone": _VIT | _ALL_LAYERS,
            "neck": {"in_channels": [48] * 4, "out_channels": 32},
            "decode_head": {"in_channels": (32,) * 4, "channels": 64, "mla_channels": 16},
            "auxiliary_head": None,
        },
    ),
    "segmenter": Family(
        "segmenter_vit-t_mask_8xb1-160k_ade20k-512x512",
        {
            "backbone": _VIT | {"out_indices": 3},
            "decode_head": {"in_channels": 48, "channels": 48, "embed_dims": 48, "num_classes": 19},
        },
    ),
    "pidnet": Family(
        "pidnet-s_2xb6-120k_1024x1024-cityscapes",
        {"backbone": {"channels": 8, "ppm_channels": 24}, "decode_head": {"in_channels": 32, "channels": 32}},
    ),
    "segnext": Family(
        "segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512",
        {
            "backbone": {"embed_dims": [8, 16, 40, 64], "depths": [1, 1, 1, 1]},
            "decode_head": {"in_channels": [16, 40, 64], "channels": 32, "ham_channels": 32, "num_classes": 19},
        },
    ),
    "ocrnet": Family(
        "ocrnet_r101-d8_4xb2-40k_cityscapes-512x1024",
        {
            "backbone": {"depth": 18, "base_channels": 16, "stem_channels": 16},
            "decode_head": [
                {"type": "FCNHead", "in_channels": 64, "channels": 16, "num_classes": 19, "in_index": 2},
                {
                    "type": "OCRHead",
                    "in_channels": 128,
                    "channels": 32,
                    "ocr_channels": 16,
                    "num_classes": 19,
                    "in_index": 3,
                },
            ],
        },
    ),
    "danet": Family(
        "danet_r50-d8_4xb2-40k_cityscapes-512x1024",
        {
            "backbone": {"depth": 18, "base_channels": 16, "stem_channels": 16},
            "decode_head": {"in_channels": 128, "channels": 32, "pam_channels": 16},
            "auxiliary_head": {"in_channels": 64, "channels": 16},
        },
    ),
}
"""One network of each kind of backbone and head that is put together otherwise."""


def windows(crop: int, stride: int) -> dict[str, Any]:
    """Return the test settings of windows."""
    return {"mode": "slide", "crop_size": (crop, crop), "stride": (stride, stride)}


def write_configuration(folder: Path, family: Family, scale: Any = SCALE, *, keep_ratio: bool = True) -> Path:
    """Write the configuration of a user: that of the family, with another network and another test pipeline."""
    from reliseg.models.mmseg.configurations import shipped_configurations

    steps = [
        {"type": "LoadImageFromFile"},
        *([{"type": "Resize", "scale": scale, "keep_ratio": keep_ratio}] if scale else []),
        {"type": "LoadAnnotations"},
        {"type": "PackSegInputs"},
    ]
    text = (
        f"_base_ = {str(shipped_configurations()[family.shipped])!r}\n"
        f"model = {family.model | {'test_cfg': family.test | {'_delete_': True}}!r}\n"
        f"test_pipeline = {steps!r}\n"
        "test_dataloader = dict(dataset=dict(pipeline=test_pipeline))\n"
    )
    path = folder / "config.py"
    path.write_text(text)
    return path


def quiet_import() -> None:
    """Import mmsegmentation, which warns of much and prints."""
    with warnings.catch_warnings(action="ignore"), redirect_stdout(io.StringIO()):
        import mmseg.apis
        import mmseg.utils

        mmseg.utils.register_all_modules(init_default_scope=True)


def random_network(config: Path) -> Any:
    """Return the network as mmsegmentation builds it, auxiliary heads too, with random weights of a useful size."""
    import torch

    quiet_import()
    from mmengine.config import Config
    from mmengine.model import revert_sync_batchnorm
    from mmseg.registry import MODELS

    content = Config.fromfile(config)
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        model = _without_downloads(content.model.to_dict())
        network = revert_sync_batchnorm(MODELS.build(Config({"model": model}).model))
    state = network.eval().state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", ".bias")):
            tensor.normal_(std=0.1)
    last = [tensor for name, tensor in state.items() if tensor.ndim and tensor.shape[0] == len(CLASSES)]
    with torch.inference_mode(), warnings.catch_warnings(action="ignore"):
        spread = float(network.encode_decode(torch.randn(1, 3, 128, 128), [{"img_shape": (128, 128)}]).std())
    for tensor in last:
        tensor.mul_(2 / spread)
    return network


def _without_downloads(part: Any) -> Any:
    if isinstance(part, list | tuple):
        return [_without_downloads(value) for value in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _without_downloads(value) for key, value in part.items() if key not in ("init_cfg", "pretrained")}
    return kept | ({"pretrained": False} if part.get("type") == "TIMMBackbone" else {})


def save_new(path: Path, network: Any, classes: tuple[str, ...] = CLASSES) -> None:
    """Save a checkpoint as mmengine does, with its history buffers, numbers of NumPy, and an optimizer."""
    import torch
    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer([1.5, 1.25], [1, 1])
    content = {
        "meta": {
            "epoch": 0,
            "iter": 160000,
            "seed": np.int64(7),
            "cfg": "model = dict()",
            "dataset_meta": {"classes": classes, "palette": [[0, 0, 0]] * len(classes)},
            "mmengine_version": "0.10.12",
        },
        "state_dict": network.state_dict(),
        "message_hub": {"log_scalars": {"train/loss": history}, "runtime_info": {"iter": np.int64(160000)}},
        "optimizer": {"state": {}, "param_groups": [{"lr": np.float64(6e-5)}]},
        "param_schedulers": [{"base_values": [6e-5]}],
    }
    torch.save(content, path)


def save_old(path: Path, network: Any, classes: tuple[str, ...] = CLASSES) -> None:
    """Save a checkpoint as mmcv did for mmsegmentation 0.x."""
    import torch

    meta = {"CLASSES": classes, "PALETTE": [[0, 0, 0]] * len(classes), "mmseg_version": "0.22.0", "iter": 160000}
    torch.save({"meta": meta, "state_dict": network.state_dict(), "optimizer": {}}, path)


def options_of(folder: Path, **changes: Any) -> ModelOptions:
    given = {"name": "net", "kind": "mmseg", "where": "config.py", "weights": Path("net.pth"), "threads": 1}
    return ModelOptions(**(given | {"folder": folder} | changes))


def own_logits(config: Path, network: Any, image: np.ndarray) -> np.ndarray:
    """Return what mmsegmentation's own inference gives for an 8-bit RGB image, at its size."""
    import torch

    quiet_import()
    from mmengine.config import Config
    from mmseg.apis import inference_model

    network.cfg = Config.fromfile(config)
    torch.manual_seed(0)  # some heads draw numbers whenever they predict
    with warnings.catch_warnings(action="ignore"):
        result = inference_model(network, np.ascontiguousarray(image[..., ::-1]))
    return result.seg_logits.data.numpy()
