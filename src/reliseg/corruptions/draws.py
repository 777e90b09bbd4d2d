"""Where the randomness of a corruption comes from: a key of seed, image and kind, and numbers that are drawn by it."""

import hashlib

import numpy as np

from reliseg.corruptions.base import Key

_APART = 1 << 31
"""The first row of counters that no image has."""


def key_of(seed: int, image_id: str, kind: str) -> Key:
    """Return the key of an image under a kind of corruption."""
    digest = hashlib.blake2b(f"{seed}/{image_id}/{kind}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, "<u4").astype(np.uint64)


def uniform(key: Key, number: int, low: float, high: float) -> float:
    """Return a number in [low, high), of counters that no pixel has; `number` says which."""
    from reliseg.corruptions.compiled.philox import words  # numba takes long to import, and configurations read keys

    out = np.empty(4, np.uint32)
    words(key, _APART + number, out)
    return low + (high - low) * int(out[0]) / 2**32
