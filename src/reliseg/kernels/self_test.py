"""A test of another kernel before it counts anything: it must count a synthetic image as the CPU's kernel does.

Nobody may have run the kernel yet on this device, with this driver and this compiler, and wrong numbers would look
like right ones.
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
"""The size of the image and of its logits: some tiles and blocks end at the image's edges."""
_TIE = 1e-3
"""Kernels may disagree on the argmax where the two largest logits are nearer than this: such pixels are void."""
_AT_AN_EDGE = 2
"""Number of pixels that may fall into the neighbouring bin, by the last bits of float32."""
_EXACT = ("pixels", "confusion", "flips")
_SUMS, _ROUNDING = ("losses", "score_sums"), 1e-5
"""Difference per pixel that sums of values may have."""
Comparison: TypeAlias = tuple[str, np.ndarray, float]
"""A name, numbers, and the bound on the difference of their cumulative sums."""


class CountingKernel(Protocol):
    """The interface of kernels."""

    def observe(self, view: LogitView, truth: Truth, sample: str) -> SampleTable:
        """Add an image, and return its row of the sample table."""

    def take(self) -> PixelStatistics:
        """Return the statistics of all images observed, and forget them."""


def failure(kernel: CountingKernel, layout: Layout, to_device: Callable[[Logits], Logits | DeviceLogits]) -> str | None:
    """Return what the kernel miscounts, or None. `to_device` copies logits to where it reads them."""
    logits, truth = draw_image(layout)
    expected = _counts(Kernel(layout), view_of(logits), truth)
    actual = _counts(kernel, view_of(to_device(logits)), truth)
    for (name, right, bound), (_, other, _) in zip(expected, actual, strict=True):
        if not np.abs(np.cumsum(other - right, axis=-1)).max(initial=0) <= bound:
            return f"it miscounts {name} of a drawn image"
    return None


def draw_image(layout: Layout) -> tuple[Logits, Truth]:
    """Return logits that are sure in places, and labels that are often right: every role occurs."""
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
    """Return the view of the image, with a temperature."""
    classes = logits.shape[0]
    return LogitView(logits, SIZE, False, np.arange(classes), np.full(classes + 1, 0.8))


def _counts(kernel: CountingKernel, image: LogitView, truth: Truth) -> Iterator[Comparison]:
    """Yield all that a kernel counts of an image but the fine histograms, of which the coarse ones are sums."""
    row = kernel.observe(image, truth, "trial")
    for name, column in row.arrays().items():
        yield name, real(column) if name in LIMB_COLUMNS else column, _bound(name, truth)
    for part, statistic in kernel.take().parts():
        for name, array in statistic.arrays().items():
            number = real(array) if name in statistic.LIMBS else array
            yield f"{part}.{name}", np.atleast_1d(number), _bound(part, truth)


def _bound(name: str, truth: Truth) -> float:
    """Return the bound on the difference of cumulative sums of these numbers."""
    if name in _EXACT:
        return 0.0
    return _ROUNDING * truth.size if name in _SUMS else _AT_AN_EDGE
