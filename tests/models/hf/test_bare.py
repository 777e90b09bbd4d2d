"""A loaded model as a bare network: logits, or class maps of masks, at the size of what it is given."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.hugging_face import save_network, segformer
from helpers.hugging_face_families import SEMANTIC, UNIVERSAL

from reliseg.models import Pad, Slide
from reliseg.models.hf.bare import bare_network, inference_of
from reliseg.models.hf.loading import load
from reliseg.models.hf.target_size import ShortestEdge
from reliseg.models.inference.modes import EvenWindows, Inference

CPU = torch.device("cpu")


def test_logits_are_at_the_stride_of_the_head(tmp_path: Path) -> None:
    options = save_network(tmp_path, segformer())
    [prediction] = bare_network(load(options), options, CPU, 1)([np.zeros((64, 96, 3), np.uint8)])
    assert prediction.logits.shape == (19, 16, 24)


@pytest.mark.slow
def test_class_maps_are_at_the_size_of_the_image(tmp_path: Path) -> None:
    options = save_network(tmp_path, UNIVERSAL["mask2former"]())
    [prediction] = bare_network(load(options), options, CPU, 32)([np.zeros((65, 97, 3), np.uint8)])
    assert prediction.logits.shape == (19, 65, 97)


@pytest.mark.slow
def test_each_family_is_shown_images_as_it_needs_them(tmp_path: Path) -> None:
    def shown(name: str, **changes: Any) -> Inference:
        options = replace(save_network(tmp_path / name, (SEMANTIC | UNIVERSAL)[name]()), **changes)
        return inference_of(load(options), options)

    assert shown("segformer") == Inference()
    assert (shown("mask2former").pad, shown("mask2former", pad=Pad(64)).pad) == (32, 64)
    eomt = shown("eomt")
    assert (eomt.slide, eomt.resizing.target, eomt.pad) == (EvenWindows(64), ShortestEdge(64), 1)
    whole = shown("eomt", masks="input")
    assert (whole.slide, whole.resizing.target) == (None, (64, 64))
    assert not shown("upernet, swin").through_input
    assert shown("upernet, swin", resize=(64, 64)).through_input
    windows = Slide((64, 64), (32, 32))
    assert shown("data2vec-vision", slide=windows).resizing.target is None
