"""Logits that stay on the device where the model left them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reliseg.types import Logits


@dataclass(frozen=True, eq=False)
class DeviceLogits:
    """Logits as a float32 tensor (c x h x w) on a device. NumPy sees an array, copied to the CPU at its first use.

    Kernels of a device read the `tensor`; everything else calls `numpy.asarray`.
    """

    tensor: Any
    """A torch tensor; numbers need no torch, so its type has no name here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Classes, height, width."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type of a logit: float32 unless the model is at fault."""
        return np.dtype(str(self.tensor.dtype).rpartition(".")[2])

    @property
    def ndim(self) -> int:
        """Number of axes: 3 unless the model is at fault."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of logits."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __abs__(self) -> Any:
        """Return the magnitudes, on the device."""
        return abs(self.tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._host, dtype, copy=copy)

    @cached_property
    def _host(self) -> Logits:
        array = np.ascontiguousarray(self.tensor.cpu().numpy())
        array.flags.writeable = False
        return array
