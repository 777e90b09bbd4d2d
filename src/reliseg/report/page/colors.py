"""Colors for classes that color-blind readers can tell apart as well as that goes."""

import numpy as np

from reliseg.types import Float64

Color = tuple[int, int, int]

_DICHROMATS = (
    np.eye(3),
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
)
"""What linear RGB looks like to all, and without each of the three kinds of cones (Machado et al. 2009)."""
_TAKEN = ((0, 0, 0), (255, 255, 255), (150, 150, 150))
"""Of void pixels, and of those that are rejected."""
_LEVELS = (0, 51, 102, 153, 204, 255)


def distinct_colors(count: int) -> list[Color]:
    """Return so many colors; each is the one farthest from those before it, to whichever readers it is nearest."""
    channels = np.array(_LEVELS)
    candidates = np.stack(np.meshgrid(channels, channels, channels, indexing="ij"), axis=-1).reshape(-1, 3)
    seen = _as_seen(candidates)
    nearest = _distances(seen, _as_seen(np.array(_TAKEN))).min(axis=1)
    chosen: list[Color] = []
    for _ in range(count):
        best = int(nearest.argmax())
        red, green, blue = (int(n) for n in candidates[best])
        chosen.append((red, green, blue))
        nearest = np.minimum(nearest, _distances(seen, seen[best : best + 1])[:, 0])
        if not nearest.any():  # more classes than colors: they begin anew
            nearest = _distances(seen, _as_seen(np.array(_TAKEN))).min(axis=1)
    return chosen


def _as_seen(colors: np.ndarray) -> Float64[np.ndarray, "n 4 3"]:
    """Return colors in OKLab, as each kind of reader sees them."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.stack([np.clip(linear @ matrix.T, 0, 1) for matrix in _DICHROMATS], axis=1)
    cones = seen @ np.array(
        [[0.4122214708, 0.2119034982, 0.0883024619], [0.5363325363, 0.6806995451, 0.2817188376],
         [0.0514459929, 0.1073969566, 0.6299787005]]
    )  # fmt: skip
    return np.cbrt(cones) @ np.array(
        [[0.2104542553, 1.9779984951, 0.0259040371], [0.7936177850, -2.4285922050, 0.7827717662],
         [-0.0040720468, 0.4505937099, -0.8086757660]]
    )  # fmt: skip


def _distances(first: Float64[np.ndarray, "n 4 3"], second: Float64[np.ndarray, "m 4 3"]) -> Float64[np.ndarray, "n m"]:
    """Return how far two colors are apart, to those readers to whom they are nearest."""
    return np.sqrt(((first[:, None] - second[None]) ** 2).sum(axis=-1)).min(axis=-1)
