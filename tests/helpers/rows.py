"""Rows of maps for tests."""

from dataclasses import dataclass

import numpy as np

from reliseg.stats.rows import Rows


@dataclass(frozen=True, eq=False)
class StoredRows(Rows):
    """An array that is read by rows; it remembers how many of them were asked for at once."""

    array: np.ndarray
    of_probabilities: bool = False
    most: list = None

    @property
    def shape(self):
        return self.array.shape

    def rows(self, rows):
        part = self.array[:, rows].copy()
        if self.most is not None:
            self.most.append(part.size)
        return part

    def arrays(self):
        return (self.array,)

    def brought_to(self, size):
        assert size == self.shape[1:]
        return self
