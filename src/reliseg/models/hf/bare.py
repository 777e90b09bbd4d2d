"""A loaded model as a bare network, and how images are shown to it."""

from dataclasses import replace

import torch

from reliseg.models.base import ModelOptions
from reliseg.models.hf.loading import Loaded
from reliseg.models.inference.modes import EvenWindows, Inference
from reliseg.models.torch.network import Network

_STRIDE = 32
"""Of the deepest map of most backbones: images of mask classification are padded to its multiples."""


def inference_of(loaded: Loaded, options: ModelOptions) -> Inference:
    """Return how images are shown: as the options say, where they say nothing as the network needs it."""
    windows = EvenWindows(min(loaded.own)) if loaded.order == "window" and loaded.own else None
    size = loaded.preparation.size
    return Inference.of(
        replace(options, resize=None),
        size=size,
        resample=loaded.preparation.resample,
        pad=_STRIDE if loaded.order and not loaded.own else 1,
        slide=windows,
        through_input=loaded.runner.family.brings_to_input and size is not None,
    )


def bare_network(loaded: Loaded, options: ModelOptions, device: torch.device, pad: int) -> Network:
    """Return the network on the device: images of one size in, predictions of that size out."""
    return Network(
        loaded.runner.queries if loaded.order else loaded.runner.logits,
        loaded.preparation.normalisation,
        device,
        options.threads,
        options.precision,
        pad,
        masks=(loaded.order, loaded.labels) if loaded.order else None,
        module=loaded.runner.model.to(device),
    )
