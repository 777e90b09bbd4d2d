"""Queries and masks as networks of mask classification give them, and other people's formulas for their class maps."""

import numpy as np
import torch
from torch.nn.functional import interpolate


def drawn(seed, queries, classes, native, scale=4.0):
    """Logits of classes (no object the last) and of masks, both float32."""
    g = np.random.default_rng(seed)
    z = g.normal(0, 2, (queries, classes + 1))
    z[np.arange(queries), g.integers(0, classes + 1, queries)] += 5
    return z.astype(np.float32), (g.normal(0, 1, (queries, *native)) * scale).astype(np.float32)


def up(planes, size):
    return interpolate(planes[None], size=size, mode="bilinear", align_corners=False)[0]


def class_sum(classes, masks):
    return torch.einsum("qc,qhw->chw", classes.softmax(-1)[:, :-1], masks.sigmoid())


def detectron2_class_maps(classes, masks, sizes, before_inference):
    """detectron2's Mask2Former, MaskFormer and OneFormer, written out.

    Masks are brought to the padded input; with SEM_SEG_POSTPROCESSING_BEFORE_INFERENCE they are cropped and brought to
    the image, else class maps are.
    """
    padded, seen, image = sizes
    masks = up(masks, padded)
    if before_inference:
        return class_sum(classes, up(masks[:, : seen[0], : seen[1]], image))
    return up(class_sum(classes, masks)[:, : seen[0], : seen[1]], image)
