"""Which kernel counts: that of the device where the logits lie, if it works there; else the CPU's, with one note."""

from collections.abc import Callable
from dataclasses import dataclass, field

from reliseg.errors import error_text
from reliseg.kernels import self_test
from reliseg.kernels.self_test import CountingKernel
from reliseg.stats import DeviceLogits, Layout

_SHOWN = 200


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of one run. Each counts a synthetic image first; `note` is told once why a device has none."""

    note: Callable[[str], None]
    _works: dict[str, bool] = field(default_factory=dict)
    _tried: set[tuple[str, Layout]] = field(default_factory=set)

    def by_device(self) -> dict[str, str]:
        """Return the kernel that counted the logits of each device that held some."""
        return {device: "triton" if works else "numba" for device, works in self._works.items()}

    def on_device(self, layout: Layout, logits: DeviceLogits) -> CountingKernel | None:
        """Return the kernel of the device that holds these logits, or None."""
        device = str(logits.tensor.device)
        if self._works.get(device, True) and (device, layout) not in self._tried:
            self._tried.add((device, layout))
            problem = _problem(layout, logits)
            self._works[device] = problem is None
            if problem:
                self.note(f"statistics are computed on the CPU, because there is no kernel for {device} ({problem})")
        if not self._works[device]:
            return None
        from reliseg.kernels.gpu.kernel import TritonKernel

        return TritonKernel(layout, logits.tensor.device)


def _problem(layout: Layout, logits: DeviceLogits) -> str | None:
    """Return why Triton cannot count on the device, or None: it has counted a synthetic image there correctly.

    Whatever may be missing (the package, a C compiler for its launcher, support of this GPU) shows only then.
    """
    here = logits.tensor
    try:
        from reliseg.kernels.gpu.kernel import TritonKernel

        return self_test.failure(TritonKernel(layout, here.device), layout, lambda z: DeviceLogits(here.new_tensor(z)))
    except Exception as error:
        return error_text(error)[:_SHOWN]
