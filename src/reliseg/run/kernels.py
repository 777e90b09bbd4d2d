"""Which kernel counts: that of the device where the logits lie, if it works there; else the CPU's, with one note."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from reliseg.stats import DeviceLogits, Layout, LogitView, PixelStatistics, SampleTable
from reliseg.types import Truth

_SHOWN = 200


class CountingKernel(Protocol):
    """What every kernel does."""

    def observe(self, view: LogitView, truth: Truth, sample: str) -> SampleTable:
        """Add an image; its row of the sample table."""

    def take(self) -> PixelStatistics:
        """The statistics of all images observed, which are forgotten."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of one run. A device is tried once; `note` is told once why none can be used."""

    note: Callable[[str], None]
    _works: dict[str, bool] = field(default_factory=dict)

    def by_device(self) -> dict[str, str]:
        """What counted the logits of each device that held some."""
        return {device: "triton" if works else "numba" for device, works in self._works.items()}

    def on_device(self, layout: Layout, logits: DeviceLogits) -> CountingKernel | None:
        """The kernel of the device that holds these logits, or None."""
        device = logits.tensor.device
        if str(device) not in self._works:
            problem = _problem(layout, logits)
            self._works[str(device)] = problem is None
            if problem:
                self.note(f"statistics are taken on the CPU: no kernel for {device} ({problem})")
        if not self._works[str(device)]:
            return None
        from reliseg.stats.triton_kernel import TritonKernel

        return TritonKernel(layout, device)


def _problem(wanted: Layout, logits: DeviceLogits) -> str | None:
    """Why Triton cannot count on the device, or None: it has counted an image of one pixel there, all that is wanted.

    Whatever may be missing (the package, a C compiler for its launcher, support of this GPU) shows only then.
    """
    layout = replace(wanted, classes=1)
    pixel = LogitView(DeviceLogits(logits.tensor[:1, :1, :1]), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    try:
        from reliseg.stats.triton_kernel import TritonKernel

        counted = TritonKernel(layout, logits.tensor.device).observe(pixel, np.zeros((1, 1), np.uint8), "trial")
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:_SHOWN]
    return None if counted.pixels.tolist() == [[0, 1, 0, 0]] else "it miscounts a single pixel"
