"""The scale on which a number's error is even: its intervals are made there, and brought back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from reliseg.types import Float64

Link: TypeAlias = Literal["identity", "log", "logit"]
Values: TypeAlias = Float64[np.ndarray, "*n"]


@dataclass(frozen=True)
class Scale:
    """The link of a number, and its range.

    `log` is for errors and losses, which are at least `low`; `logit` for what lies between `low` and `high`.
    """

    link: Link = "identity"
    low: float = -np.inf
    high: float = np.inf

    def for_values(self, *values: Values) -> "Scale":
        """Return this scale where all the values have a finite place on it, else that of the number itself."""
        least = min(float(np.min(v)) for v in values)
        most = max(float(np.max(v)) for v in values)
        return self if self.fits(least, most) else self.itself()

    def fits(self, least: float, most: float) -> bool:
        """Tell if numbers between these have a finite place on it."""
        return self.link == "identity" or (least > self.low and (self.link == "log" or most < self.high))

    def itself(self) -> "Scale":
        """Return the scale of the number itself, with the same range."""
        return Scale("identity", self.low, self.high)

    def forward(self, values: Values) -> Values:
        """Return the values on the link's scale."""
        if self.link == "identity":
            return np.asarray(values)
        if self.link == "log":
            return np.asarray(np.log(np.asarray(values) - self.low))
        values = np.asarray(values)
        return np.asarray(np.log(values - self.low) - np.log(self.high - values))

    def back(self, places: Values) -> Values:
        """Return the numbers at places of the link's scale, within its range."""
        return np.minimum(np.maximum(_BACK[self.link](self, np.asarray(places)), self.low), self.high)


def _from_logit(scale: Scale, places: Values) -> Values:
    far = np.exp(-np.abs(places))
    share = np.where(places >= 0, 1 / (1 + far), far / (1 + far))
    return np.asarray(scale.low + (scale.high - scale.low) * share)


_BACK: dict[Link, Callable[[Scale, Values], Values]] = {
    "identity": lambda _, places: places,
    "log": lambda scale, places: np.asarray(scale.low + np.exp(np.minimum(places, 700.0))),
    "logit": _from_logit,
}
