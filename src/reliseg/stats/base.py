"""The base of statistics: frozen dataclasses of int64 arrays that merge exactly."""

from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar, TypeVar

import numpy as np

from reliseg.stats.fixed import carry

S = TypeVar("S", bound="Statistic")


class Statistic:
    """A mergeable summary of pixels.

    Laws: `+` is field by field, associative and commutative to the bit; the statistic of no pixels is its zero.
    Fields named in `LIMBS` are two-limb sums, all others plain int64 counts.
    """

    LIMBS: ClassVar[frozenset[str]] = frozenset()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fields by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_arrays(cls: type[S], arrays: Mapping[str, np.ndarray]) -> S:
        """Return the statistic that has these arrays: the inverse of `arrays`."""
        return cls(**arrays)

    def __add__(self: S, other: S) -> S:
        mine, theirs = self.arrays(), other.arrays()
        merged = {name: mine[name] + theirs[name] for name in mine}
        return type(self)(**{n: carry(a) if n in self.LIMBS else a for n, a in merged.items()})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.arrays(), other.arrays()
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]
