"""Logits that stay on the device where the model left them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reliseg.types import Logits


@dataclass(frozen=True, eq=False)
class DeviceLogits:
    """A float32 tensor (c x h x w) on a device. To NumPy it is an array, copied once, when it is first asked for.

    Kernels that know devices read the `tensor`; everything else takes `numpy.asarray` of the logits.
    """

    tensor: Any
    """A torch tensor; numbers need no torch, so its type has no name here."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Classes, height, width."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> np.dtype:
        """float32, where the model is in order."""
        return np.dtype(str(self.tensor.dtype).rpartition(".")[2])

    @property
    def ndim(self) -> int:
        """3, where the model is in order."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of logits."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __abs__(self) -> Any:
        """Magnitudes, where the logits are."""
        return abs(self.tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._host, dtype, copy=copy)

    @cached_property
    def _host(self) -> Logits:
        array = np.ascontiguousarray(self.tensor.cpu().numpy())
        array.flags.writeable = False
        return array
