"""The mean over images, or over scenes of the means of their images, and without each unit of intervals."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reliseg.metrics.many import ratio
from reliseg.metrics.units import Kind, Units
from reliseg.types import Float64, Int64


@dataclass(frozen=True, eq=False)
class MeanOfMeans:
    """The mean over what is drawn, images or scenes, of the mean loss of its images; NaN is none."""

    losses: Float64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]

    @classmethod
    def of(cls, losses: Float64[np.ndarray, " n"], units: Units, drawn: Kind) -> "MeanOfMeans":
        """Return that of the images of a domain, where images or scenes are `drawn`."""
        names = units.image_names
        if drawn == "scenes":
            names = tuple(name.rpartition("/")[0] for name in names)
        return cls(losses, np.unique(np.array(names, object), return_inverse=True)[1].astype(np.int64))

    @property
    def value(self) -> float:
        """The mean; its last bit does not depend on the order of images."""
        means = ratio(*self._of_groups)
        return float(ratio(np.array([math.fsum(means[~np.isnan(means)])]), (~np.isnan(means)).sum(keepdims=True))[0])

    @property
    def largest_weight(self) -> float:
        """How much the mean moves with the loss of one image, at most."""
        counts = self._of_groups[1]
        return 1 / ((counts > 0).sum() * counts[counts > 0].min())

    def without_each(self, units: Units) -> Float64[np.ndarray, " u"]:
        """Return the mean without each of the units of intervals."""
        (sums, counts), there = self._of_groups, np.flatnonzero(~np.isnan(self.losses))
        means = np.nan_to_num(ratio(sums, counts))
        pairs, place = np.unique(units.of_image[there] * len(sums) + self.group[there], return_inverse=True)
        unit, group = np.divmod(pairs, len(sums))  # those that share images
        rest = sums[group] - np.bincount(place, self.losses[there], len(pairs))
        n = counts[group] - np.bincount(place, minlength=len(pairs))
        changed = np.nan_to_num(ratio(rest, n)) - means[group]
        total = math.fsum(means) + np.bincount(unit, changed, len(units))
        return ratio(total, (counts > 0).sum() - np.bincount(unit, n == 0, len(units)))

    @cached_property
    def _of_groups(self) -> tuple[Float64[np.ndarray, " g"], Float64[np.ndarray, " g"]]:
        """The sum of the losses of each group, and their number."""
        there = ~np.isnan(self.losses)
        order = np.lexsort((self.losses[there], self.group[there]))  # not that of names: it would change the last bits
        group, losses = self.group[there][order], self.losses[there][order]
        n = int(self.group.max()) + 1
        return np.bincount(group, losses, n), np.bincount(group, minlength=n).astype(np.float64)
