"""The way from images to predictions of networks for mask classification in torch: queries and masks in between."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from reliseg.labels import LabelSpace
from reliseg.models.base import Precision
from reliseg.models.options import MaskOrder
from reliseg.models.torch.mask_queries import MaskClassification
from reliseg.models.torch.network import _autocast
from reliseg.models.torch.normalisation import Normalisation
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.runtime.torch_settings import inference_settings
from reliseg.types import Image

Queries: TypeAlias = tuple[Float[Tensor, "n q classes"], Float[Tensor, "n q h w"], Float[Tensor, "n f"] | None]
"""Logits of the classes of each query, the last of no object; those of its mask; a pooled feature."""


@dataclass(frozen=True, eq=False)
class QueryNetwork:
    """A forward pass on a device: images of one size -> predictions of that size, whose rows are computed when read.

    Normalised images are padded with zeros, below and to the right, to multiples of `multiple`. It runs on a thread of
    its own, as `Network` does.
    """

    forward: Callable[[Float[Tensor, "n 3 H W"]], Queries]
    normalisation: Normalisation
    device: torch.device
    threads: int
    precision: Precision
    labels: LabelSpace
    order: MaskOrder
    multiple: int = 1

    def __call__(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction per image; a ModelError if the output is no queries with masks."""
        return self._thread.submit(self._predict, images).result()

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="network")

    def _predict(self, images: Sequence[Image]) -> list[Prediction]:
        height, width = images[0].shape[:2]
        with inference_settings(self.threads), torch.inference_mode(), stdout_as_stderr():
            pixels = self.normalisation(images, self.device)
            pixels = functional.pad(pixels, (0, -width % self.multiple, 0, -height % self.multiple))
            with _autocast(self.device, self.precision):
                classes, masks, feature = self.forward(pixels)
            padded = (pixels.shape[2], pixels.shape[3])
            maps = MaskClassification(self.order, padded, (height, width))(classes, masks, self.labels)
            features = [None] * len(images) if feature is None else list(feature.detach().float().cpu().numpy())
        return [Prediction(logits=m, size=(height, width), feature=f) for m, f in zip(maps, features, strict=True)]
