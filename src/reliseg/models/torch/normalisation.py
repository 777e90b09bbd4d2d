"""From 8-bit images to what a network is given, on its device."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from reliseg.models.inference.normalisation import PixelScale
from reliseg.types import Float, Image, UInt8


@dataclass(frozen=True)
class Normalisation(PixelScale):
    """A scale that is applied on the device of a network."""

    def __call__(self, images: Sequence[Image], device: torch.device) -> Float[Tensor, "n 3 H W"]:
        """Normalise images of one size on the device."""
        pixels = _upload(images, device).permute(0, 3, 1, 2).float().contiguous()
        mean = torch.tensor(self.mean, device=device).view(3, 1, 1)
        std = torch.tensor(self.std, device=device).view(3, 1, 1)
        if self.bgr:
            pixels = pixels.flip(1)
        return pixels.div_(self.divisor).sub_(mean).div_(std)


def _upload(images: Sequence[Image], device: torch.device) -> UInt8[Tensor, "n H W 3"]:
    """Copy the images to the device; to a GPU beside what it computes: by pinned memory and a stream of its own."""
    pixels = torch.from_numpy(np.stack(images))
    if device.type != "cuda":
        return pixels.to(device)
    computing, copying = torch.cuda.current_stream(device), _copy_stream(device)
    with torch.cuda.stream(copying):
        uploaded = pixels.pin_memory().to(device, non_blocking=True)
    computing.wait_stream(copying)
    uploaded.record_stream(computing)  # its memory is not given to another copy before the network has read it
    return uploaded


@cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of all copies to a device: torch keeps memory that a stream has used for that stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
