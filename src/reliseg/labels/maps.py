"""Label maps: the raw ids of an annotation file -> ids of a label space, unknown, or void."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, UInt8, UInt16

from reliseg.errors import ReliSegError
from reliseg.labels.space import UNKNOWN, VOID
from reliseg.types import Truth

_RAW_IDS = 1 << 16
_UNLISTED = -1


class UnlistedIdsError(ReliSegError):
    """An annotation holds ids that its label map does not list; the text names ids and counts."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A lookup table over all 16-bit raw ids; -1 marks an id that is listed as nothing."""

    table: Int16[np.ndarray, " ids"]

    @classmethod
    def of(
        cls,
        known: Mapping[int, int],
        *,
        unknown: Iterable[int] = (),
        void: Iterable[int] = (),
        unlisted_is_void: bool = False,
    ) -> "LabelMap":
        """The map with these known raw ids (raw: id), unknown ones and void ones."""
        table = np.full(_RAW_IDS, VOID if unlisted_is_void else _UNLISTED, np.int16)
        table[list(void)] = VOID
        table[list(unknown)] = UNKNOWN
        table[list(known)] = list(known.values())
        return cls(table)

    def __call__(self, raw: UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]) -> Truth:
        """Map raw ids; UnlistedIdsError where one is not listed."""
        mapped = self.table[raw]
        if (mapped == _UNLISTED).any():
            ids, counts = np.unique(raw[mapped == _UNLISTED], return_counts=True)
            shown = ", ".join(f"{i} ({n} pixels)" for i, n in zip(ids[:8], counts[:8], strict=True))
            raise UnlistedIdsError(f"id {shown} is not in the label map")
        return mapped.astype(np.uint8)
