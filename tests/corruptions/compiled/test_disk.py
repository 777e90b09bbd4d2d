"""The blur of a disk."""

import numpy as np
from helpers.corruption_images import picture
from scipy import ndimage

from reliseg.corruptions.compiled.borders import padded
from reliseg.corruptions.compiled.disk import Disk, disk
from reliseg.corruptions.weights import reflected


def test_plateau_and_rim_are_one_kernel():
    half = np.array([-1, 1, 1, 1, -1], np.int64)  # 3 x 3, and one more pixel on each side
    rim, weights = np.array([(2, 0), (0, 2)], np.int64), np.array([20000, 10000], np.int32)
    plateau = np.float32(0.08)
    kernel = np.zeros((5, 5))
    kernel[1:4, 1:4] = plateau
    kernel[0, 2] = kernel[4, 2] = 2 * 20000 / 2**20
    kernel[2, 0] = kernel[2, 4] = 2 * 10000 / 2**20
    image = picture(20, 300)
    expected = np.stack([ndimage.correlate(image[..., c].astype(float), kernel, mode="mirror") for c in range(3)], 2)
    p = padded(image, reflected(20, 3), reflected(300, 3))
    out = disk(p, 3, Disk(half, plateau, rim, weights), 20, 300).reshape(image.shape)
    assert abs(out - np.floor(expected.clip(0, 255) + 1e-3)).max() <= 1
    assert (out == np.floor(expected.clip(0, 255) + 1e-3)).mean() > 0.999
