"""Do passes with dropout differ? Layers of dropout may lie where no output comes from, as auxiliary heads do."""

from collections.abc import Sequence

import numpy as np

from reliseg.stats.rows import Rows


class SeenPasses:
    """Whether dropout has changed anything for the images so far. For any number of threads."""

    def __init__(self) -> None:
        self._any = self._differ = False

    def add(self, passes: Sequence[Rows]) -> None:
        """Keep whether the passes over an image, in one view of it, differ."""
        self._any = True
        self._differ = self._differ or not all(_equal(one, passes[0]) for one in passes[1:])

    def notes(self) -> list[str]:
        """Return a line if all passes over each image were the same."""
        if not self._any or self._differ:
            return []
        return [
            "gives the same in every pass of mc_dropout: no layer of dropout lies on the way to its output; leave "
            "mc_dropout out, or take a network that has some there"
        ]

    def forget(self) -> None:
        """Forget all images."""
        self._any = self._differ = False


def _equal(one: Rows, other: Rows) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.arrays(), other.arrays(), strict=True))
