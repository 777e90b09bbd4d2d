"""Tiny networks of transformers, and their folders on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

from reliseg.labels import label_space
from reliseg.models import ModelOptions

CITYSCAPES = label_space("cityscapes")
STAGES = ["stage1", "stage2", "stage3", "stage4"]
TINY = {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1]}


def class_names(names: tuple[str, ...]) -> dict[str, Any]:
    """Return the entries of a configuration that name the classes."""
    return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}


def segformer_config(**changes: Any) -> transformers.SegformerConfig:
    heads = {"num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16}
    return transformers.SegformerConfig(**(TINY | heads | class_names(CITYSCAPES.classes) | changes))


def segformer(**changes: Any) -> transformers.SegformerForSemanticSegmentation:
    return transformers.SegformerForSemanticSegmentation(segformer_config(**changes))


def upernet(**changes: Any) -> transformers.UperNetForSemanticSegmentation:
    backbone = transformers.ConvNextConfig(**TINY, out_features=STAGES)
    config = {"backbone_config": backbone, "hidden_size": 16, "auxiliary_channels": 8}
    config |= class_names(CITYSCAPES.classes)
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(**(config | changes)))


def save_network(folder: Path, network: Any, processor: dict[str, Any] | None = None) -> ModelOptions:
    """Save a network with weights that are not symmetric, and its processor's file; return options that name it."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder / "net")
    if processor is not None:
        save_processor(folder / "net", processor)
    return ModelOptions(name="hub", kind="hf", where="net", folder=folder, threads=1)


def save_processor(folder: Path, processor: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def part_of_a_frame(folder: Path, height: int, width: int) -> np.ndarray:
    """Return a part of the first real image of CamVid's validation split."""
    path = sorted((folder / "camvid" / "val").glob("*.png"))[0]
    return np.asarray(Image.open(path).convert("RGB").crop((0, 100, width, 100 + height)))
