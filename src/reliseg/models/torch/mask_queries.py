"""The output of mask classification in torch, as class maps of each image."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reliseg.errors import ModelError, shape_text
from reliseg.kernels.reference_masks import ORDERS, Order, Size
from reliseg.kernels.rows.masks import MaskRows, NetworkInput
from reliseg.labels import LabelSpace


@dataclass(frozen=True)
class MaskClassification:
    """How the queries and masks of a batch of images of one size become class maps.

    `seen` is the size of the images that the network saw, `padded` that of its input, with the padding at the right
    and at the bottom.
    """

    order: Order
    padded: Size
    seen: Size

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ModelError(f"masks are brought to {self.order!r}; use one of {', '.join(ORDERS)}")
        if any(not 0 < s <= p for s, p in zip(self.seen, self.padded, strict=True)):
            raise ModelError(f"an image of {shape_text(self.seen)} does not fit an input of {shape_text(self.padded)}")

    def __call__(self, classes: Tensor, masks: Tensor, labels: LabelSpace) -> list[MaskRows]:
        """Return the log class maps of each image, at the size that the network saw.

        `classes` are logits of images x queries x (classes + 1), no object the last, `masks` logits of images x queries
        x height x width. A ModelError if they have other shapes, other classes, or are not finite.
        """
        problem = _shape_problem(tuple(classes.shape), tuple(masks.shape), labels)
        if problem:
            raise ModelError(problem)
        network = NetworkInput(self.padded, self.seen)
        z, m = _array(classes), _array(masks)
        for content, array in (("classes", z), ("masks", m)):
            if not (np.isfinite(array.min()) and np.isfinite(array.max())):
                advice = "try precision: float32, and check its weights"
                raise ModelError(f"gives {content} of queries that are NaN or infinite; {advice}")
        return [MaskRows.of(c, q, self.order, network) for c, q in zip(z, m, strict=True)]


def _shape_problem(classes: tuple[int, ...], masks: tuple[int, ...], labels: LabelSpace) -> str | None:
    """Return the end of an error line if the output is not queries of classes, and a mask for each of them."""
    if len(classes) != 3 or 0 in classes:
        return f"gives classes of queries of shape {shape_text(classes)}, not images x queries x (classes + 1)"
    if len(masks) != 4 or 0 in masks:
        return f"gives masks of shape {shape_text(masks)}, not images x queries x height x width"
    if masks[:2] != classes[:2]:
        return (
            f"gives classes of {shape_text(classes[:2])} queries and masks of {shape_text(masks[:2])}; "
            "give one mask for each query of each image"
        )
    if classes[2] == len(labels) + 1:
        return None
    return (
        f"gives {classes[2]} numbers for the classes of a query, where label space {labels.name} needs "
        f"{len(labels) + 1}, no object the last; set labels to the classes it was trained with"
    )


def _array(tensor: Tensor) -> np.ndarray:
    """Return float32 on the CPU that nothing else writes to."""
    return tensor.detach().to("cpu", torch.float32, copy=True).numpy()
