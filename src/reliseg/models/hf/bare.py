"""A loaded model as a bare network, and how images are shown to it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from reliseg.models.base import ModelOptions
from reliseg.models.hf.loading import Loaded
from reliseg.models.inference.modes import EvenWindows, Inference
from reliseg.models.torch.features import Tap
from reliseg.models.torch.network import Network, Output
from reliseg.types import Float

Forward: TypeAlias = Callable[[Tensor], Output]

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
    model = loaded.runner.model.to(device)
    forward: Forward = loaded.runner.queries if loaded.order else loaded.runner.logits
    if options.feature is not None:
        forward = partial(_with_feature_of, Tap.at_layer(model, options.feature), forward)
    return Network(
        forward,
        loaded.preparation.normalisation,
        device,
        options.threads,
        options.precision,
        pad,
        masks=(loaded.order, loaded.labels) if loaded.order else None,
        module=model,
    )


def _with_feature_of(tap: Tap, forward: Forward, pixels: Float[Tensor, "n 3 H W"]) -> Output:
    """Return the output, and the mean over positions of what a layer gives: of a map, or of a sequence of tokens."""
    pooled: list[Tensor] = []

    def observe(layer: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim in (3, 4):
            pooled.append(output.mean(dim=(2, 3)) if output.ndim == 4 else output.mean(dim=1))

    handle = tap.module.get_submodule(tap.layer).register_forward_hook(observe)
    try:
        output, _ = forward(pixels)
    finally:
        handle.remove()
    return output, pooled[-1] if pooled else None
