"""What is promised of the pixels that are accepted, and the threshold that a promise comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reliseg.conformal.betting import accepted_with_confidence, least_images_with_confidence
from reliseg.conformal.expectation import accepted_in_expectation, comfortable_images, least_images
from reliseg.conformal.losses import Losses

Kind: TypeAlias = Literal["images", "scenes"]


@dataclass(frozen=True)
class Promise:
    """At most this risk: the mean over images of the share of an image's pixels that are accepted and wrong.

    In expectation, or with a confidence over the images that the threshold is chosen on. Of a class, the share of an
    image's pixels of that class that are accepted as something else, over images that have some.
    """

    risk: float
    confidence: float | None = None
    label: str = ""
    """The name of the class; "" is all pixels."""
    of_sets: bool = False
    """Whether it is about sets of classes: the share of an image's pixels whose set lacks the true class."""

    def __str__(self) -> str:
        of_class = " for sets" if self.of_sets else f" for {self.label}" if self.label else ""
        with_confidence = f" with confidence {self.confidence:g}" if self.confidence else ""
        return f"a risk of {self.risk:g}{of_class}{with_confidence}"

    @property
    def key(self) -> str:
        """What is promised, as the ids of definitions end: `risk=0.05`, `risk=0.05,confidence=0.95`."""
        return f"risk={self.risk:g}" + (f",confidence={self.confidence:g}" if self.confidence else "")

    @property
    def least(self) -> int:
        """How many images, or scenes, it needs."""
        if self.confidence is None:
            return least_images(self.risk)
        return least_images_with_confidence(self.risk, self.confidence)

    @property
    def comfortable(self) -> int:
        """Below how many it accepts much less than it could."""
        return comfortable_images(self.risk) if self.confidence is None else 2 * self.least

    def accepted(self, losses: Losses) -> int:
        """Return how many of the first bins may be accepted; a ValueError where there are fewer images than `least`.

        With a confidence, the images come in an order that was fixed before.
        """
        if self.confidence is None:
            return accepted_in_expectation(losses, self.risk)
        return accepted_with_confidence(losses, self.risk, self.confidence)


@dataclass(frozen=True)
class PromisedThreshold:
    """The threshold that a promise comes to: pixels of the first coarse bins of confidence are accepted.

    Of sets: classes with a probability in the first bins of those that are least probable are left out of sets.
    """

    promise: Promise
    on: str
    """What the images belong to that it was chosen on: a calibration split, or other domains."""
    units: Kind = "images"
    """What is drawn: images, or scenes where the images of a scene are alike."""
    n: int = 0
    """The number of units that it was chosen on."""
    bins: int | None = None
    """How many bins are accepted, or left out of sets; None where there is no threshold."""
    why: str = ""
    """Why there is none."""
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The sha256 of each image that it was chosen on, by domain and sample."""

    @property
    def text(self) -> str:
        """What it promises, of whom, as far as it goes."""
        of = f"the true {self.promise.label} pixels of an image" if self.promise.label else "the pixels of an image"
        sure = "in expectation" if self.promise.confidence is None else f"with confidence {self.promise.confidence:g}"
        wrong = "accepted as something else" if self.promise.label else "accepted and wrong"
        wrong = "of a class that their set lacks" if self.promise.of_sets else wrong
        return (
            f"at most a share of {self.promise.risk:g} of {of} is {wrong}, averaged over new {self.units} drawn as the "
            f"{self.n} of {self.on} were, {sure}"
        )
