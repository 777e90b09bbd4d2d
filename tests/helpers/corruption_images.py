"""Images that are the same on any machine and with any version of NumPy."""

import hashlib

import numpy as np


def picture(h, w):
    """Return an image of smooth shades, edges, texture, and all bytes of black and white."""
    y, x = np.arange(h)[:, None], np.arange(w)[None]
    grain = np.frombuffer(hashlib.shake_128(b"grain").digest(h * w), np.uint8).reshape(h, w).astype(np.int64)
    red = (255 * x // max(w - 1, 1) + 40 * ((y // 9 + x // 13) % 2) + grain // 8) % 256
    green = (255 * y // max(h - 1, 1) + grain // 16) % 256
    blue = np.where((x // 17) % 3 == 0, 255, np.where((y // 23) % 4 == 0, 0, 90 + grain // 4))
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def metres(image):
    """Return how far everything in an image is: from a few metres below to hundreds above, with an endless corner."""
    h, w = image.shape[:2]
    y, x = np.arange(h)[:, None], np.arange(w)[None]
    far = (400 * 16 // (16 + 16 * 15 * y // max(h, 1)) + x % 7).astype(np.float32)
    far[: h // 6, : w // 3] = np.inf
    return far


def flat(h, w, level):
    """Return an image of one grey."""
    return np.full((h, w, 3), level, np.uint8)


def difference(a, b):
    """Return the largest difference of two images, in levels, and the share of bytes that differ."""
    apart = abs(a.astype(int) - b)
    return int(apart.max()), float((apart > 0).mean())
