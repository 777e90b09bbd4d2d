"""The modules that are traced: from 8-bit images, or from logits, to classes, confidence and acceptance."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from reliseg.deploy.export.network import Members, ShownImages
from reliseg.deploy.heads.base import Extras
from reliseg.deploy.heads.head import Head, HeadOutput
from reliseg.deploy.heads.temperatures import ClusterFactor, LocalFactor
from reliseg.types import Float, UInt8

Maps: TypeAlias = tuple[Tensor, ...]
"""Classes (uint8), confidence (float32), and, where there is a threshold, whether a pixel is accepted (bool)."""
OUTPUTS = ("classes", "confidence", "accepted")


class WholeGraph(nn.Module):
    """Images -> maps. The input is `image`, N x H x W x 3, 8-bit RGB."""

    def __init__(self, shown: ShownImages | Members, head: Head) -> None:
        super().__init__()
        self.shown, self.head = shown, head

    def forward(self, image: UInt8[Tensor, "n H W 3"]) -> Maps:
        """Return the maps of a batch, N x H x W each."""
        with torch.no_grad():
            shown = self.shown(image)
            extras = Extras(shown.feature, image.permute(0, 3, 1, 2) if reads_image(self.head) else None)
            if not shown.are_native:
                return _maps(self.head.of_maps(shown.values, extras))
            return _maps(self.head.of_native(shown.values, (image.shape[1], image.shape[2]), extras))


class HeadGraph(nn.Module):
    """Logits -> maps, at the size of `image`, or at a fixed one where no image is read.

    Of a model that gives probabilities these are in the place of logits.
    """

    def __init__(self, head: Head, size: tuple[int, int] | None) -> None:
        super().__init__()
        self.head, self.size = head, size

    def forward(
        self,
        logits: Float[Tensor, "n c h w"],
        feature: Float[Tensor, "n f"] | None = None,
        image: UInt8[Tensor, "n H W 3"] | None = None,
    ) -> Maps:
        """Return the maps of a batch, N x H x W each."""
        size = self.size if image is None else (image.shape[1], image.shape[2])
        pixels = image.permute(0, 3, 1, 2) if image is not None and reads_image(self.head) else None
        return _maps(self.head(logits, size=size, feature=feature, image=pixels))


def reads_image(head: Head) -> bool:
    """Tell if the calibration reads the image."""
    return isinstance(head.method, LocalFactor) and head.method.get_buffer("image_bias").numel() > 0


def reads_feature(head: Head) -> bool:
    """Tell if the calibration reads the feature."""
    return isinstance(head.method, ClusterFactor)


def _maps(output: HeadOutput) -> Maps:
    both = output.classes, output.confidence
    return both if output.accepted is None else (*both, output.accepted)
