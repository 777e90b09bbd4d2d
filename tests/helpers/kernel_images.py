"""Images that kernels are held together on."""

import numpy as np
import pytest

from reliseg.stats import LogitView
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

ALL = tuple(BUILT_IN_SCORES)


def view_of(logits, size, *, align=False, groups=None, columns=None, factors=None):
    groups = np.arange(len(logits)) if groups is None else np.asarray(groups)
    columns = len(logits) + 1 if columns is None else columns
    factors = np.ones(columns) if factors is None else np.asarray(factors, np.float64)
    return LogitView(np.asarray(logits, np.float32), size, align, groups, factors)


def image(seed, classes, native, size, *, model=None, smooth=False, spread=3.0):
    """Random logits and truth of all roles."""
    g = np.random.default_rng(seed)
    logits = g.standard_normal((model or classes, *native))
    if smooth:
        wave = np.add.outer(np.linspace(0, 2, native[0]), np.linspace(0, 3, native[1]))
        logits = 2 * np.sin(wave * g.uniform(1, 3, (len(logits), 1, 1)) + 7 * logits[:, :1, :1])
    truth = g.integers(0, classes, size)
    truth = np.where(g.random(size) < 0.5, truth, g.integers(0, classes))
    truth = np.where(g.random(size) < 0.1, 254, np.where(g.random(size) < 0.1, 255, truth))
    return (spread * logits).astype(np.float32), truth.astype(np.uint8)


def assert_same_bytes(a, b):
    left, right = a.arrays(), b.arrays()
    assert list(left) == list(right)
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)


GROUPS = {
    "joined": (6, [0, 0, 1, 2, 3, 3, 4, 4, 4, 5]),
    "with other": (4, [0, 4, 1, 2, 4, 3]),
    "only other left over": (3, [3, 3, 3, 0]),
    "permuted": (5, [4, 2, 0, 1, 3]),
    "out of order": (3, [2, 0, 2, 1, 0, 2, 3]),
    "unreachable": (6, [0, 0, 2, 4, 4, 4, 6]),
    "one class": (1, [0, 1, 1]),
    "all in one": (2, [1, 1, 1, 1, 1]),
}


def mixed(z):
    """Changes the argmax of many pixels: a factor and an offset for each column."""
    return z * np.linspace(0.4, 1.7, len(z))[:, None] + np.linspace(2, -1.1, len(z))[:, None]


SIZES = [
    pytest.param((5, 7), (20, 28), id="x4"),
    pytest.param((5, 7), (23, 31), id="odd"),
    pytest.param((1, 1), (7, 5), id="one native pixel"),
    pytest.param((6, 4), (1, 37), id="one row"),
    pytest.param((3, 9), (41, 1), id="one column"),
    pytest.param((9, 11), (9, 11), id="x1"),
    pytest.param((40, 30), (13, 17), id="smaller"),
    pytest.param((2, 70), (6, 301), id="wider than a stretch"),
]


IMAGES = [((6, 20), (24, 80)), ((5, 33), (20, 130)), ((3, 3), (17, 31)), ((12, 9), (12, 9)), ((1, 1), (1, 1))]


def observe_number(n, one):
    logits, truth = image(n, 4, *IMAGES[n])
    groups, factors = ([0, 1, 4, 2], np.full(5, 0.8)) if n % 2 else (None, None)
    return one.observe(view_of(logits, truth.shape, groups=groups, factors=factors), truth, str(n))


RATIOS = [
    pytest.param((16, 40), (64, 160), id="x4"),
    pytest.param((16, 70), (64, 280), id="x4, wider than a stretch"),
    pytest.param((9, 17), (72, 136), id="x8"),
    pytest.param((4, 66), (64, 1056), id="x16"),
    pytest.param((40, 150), (40, 150), id="x1"),
    pytest.param((6, 600), (6, 600), id="x1, runs"),
    pytest.param((30, 65), (60, 130), id="x2"),
    pytest.param((6, 300), (12, 600), id="x2, runs"),
    pytest.param((20, 64), (50, 160), id="x2.5"),
    pytest.param((33, 65), (129, 257), id="odd"),
    pytest.param((16, 64), (63, 253), id="cropped"),
    pytest.param((60, 140), (41, 67), id="down"),
    pytest.param((7, 2), (50, 90), id="two columns"),
    pytest.param((1, 1), (20, 300), id="native 1 x 1"),
    pytest.param((5, 1), (33, 40), id="one native column"),
    pytest.param((1, 5), (1, 333), id="one row"),
    pytest.param((5, 5), (300, 1), id="one column"),
    pytest.param((8, 8), (1, 1), id="one pixel"),
]
