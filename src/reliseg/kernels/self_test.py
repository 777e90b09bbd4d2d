"""A drawn image that another kernel must count as the CPU's does, before it counts anything else.

A device, its driver or its compiler may be one on which nobody has run the kernel yet. Wrong numbers would look like
right ones: so none are taken before this image has shown the same.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

import numpy as np

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.reference import full_logits
from reliseg.stats.bins import UNKNOWN, VOID
from reliseg.stats.device import DeviceLogits
from reliseg.stats.fixed import real
from reliseg.stats.pixels import Layout, PixelStatistics
from reliseg.stats.samples import LIMB_COLUMNS, SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import Logits, Truth

SIZE, NATIVE = (29, 70), (8, 18)
"""Tiles and blocks of which some end at the image's edges."""
_TIE = 1e-3
"""Where the two largest logits are nearer than this, kernels may take either for the argmax: such pixels are void."""
_AT_AN_EDGE = 2
"""So many pixels may lie on the other side of an edge between bins, for the last bits of float32."""
_EXACT = ("pixels", "confusion", "flips")
_SUMS, _ROUNDING = ("losses", "score_sums"), 1e-5
"""Sums of values may differ so much per pixel."""
Comparison: TypeAlias = tuple[str, np.ndarray, float]
"""A name, numbers, and how far sums of them from the first one on may lie apart."""


class CountingKernel(Protocol):
    """What every kernel does."""

    def observe(self, view: LogitView, truth: Truth, sample: str) -> SampleTable:
        """Add an image; its row of the sample table."""

    def take(self) -> PixelStatistics:
        """The statistics of all images observed, which are forgotten."""


def failure(kernel: CountingKernel, layout: Layout, to_device: Callable[[Logits], Logits | DeviceLogits]) -> str | None:
    """What the kernel counts otherwise than the CPU's, or None. `to_device` brings logits to where it reads them."""
    logits, truth = draw_image(layout)
    expected = _counts(Kernel(layout), view_of(logits), truth)
    actual = _counts(kernel, view_of(to_device(logits)), truth)
    for (name, right, bound), (_, other, _) in zip(expected, actual, strict=True):
        if not np.abs(np.cumsum(other - right, axis=-1)).max(initial=0) <= bound:
            return f"it miscounts {name} of a drawn image"
    return None


def draw_image(layout: Layout) -> tuple[Logits, Truth]:
    """Logits that are sure in places, and labels that are often right: every role is there."""
    random = np.random.default_rng(0)
    logits = (4 * random.standard_normal((layout.classes, *NATIVE))).astype(np.float32)
    full = full_logits(view_of(logits), layout.columns)
    right, chance = full.argmax(axis=0), random.integers(0, layout.classes, full.shape[1])
    runner_up, top = np.partition(full, -2, axis=0)[-2:]
    truth = np.where(random.random(len(top)) < 0.6, right, chance)
    truth[random.random(len(top)) < 0.1] = UNKNOWN
    truth[(random.random(len(top)) < 0.1) | (top - runner_up < _TIE)] = VOID
    return logits, truth.astype(np.uint8).reshape(SIZE)


def view_of(logits: Logits | DeviceLogits) -> LogitView:
    """The drawn image's, with a temperature."""
    classes = logits.shape[0]
    return LogitView(logits, SIZE, False, np.arange(classes), np.full(classes + 1, 0.8))


def _counts(kernel: CountingKernel, image: LogitView, truth: Truth) -> Iterator[Comparison]:
    """Return all that a kernel counts of an image but the fine histograms: coarse ones are their sums."""
    row = kernel.observe(image, truth, "trial")
    for name, column in row.arrays().items():
        yield name, real(column) if name in LIMB_COLUMNS else column, _bound(name, truth)
    for part, statistic in kernel.take().parts():
        for name, array in statistic.arrays().items():
            number = real(array) if name in statistic.LIMBS else array
            yield f"{part}.{name}", np.atleast_1d(number), _bound(part, truth)


def _bound(name: str, truth: Truth) -> float:
    """Return how far sums of the numbers of this name may lie apart."""
    if name in _EXACT:
        return 0.0
    return _ROUNDING * truth.size if name in _SUMS else _AT_AN_EDGE
