"""What fits read of each domain: pixels and whole images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reliseg.calibration import calibrator
from reliseg.config.settings import Settings
from reliseg.plan.plan import Fit, Target
from reliseg.run.fit.image_files import select_images


@dataclass(frozen=True)
class SampleRequest:
    """What fits read of a domain: so many pixels of each image at most, and some images as a whole."""

    quota: int
    whole: Mapping[str, bool]
    """By id of the images that are read as a whole: True where the image itself is read, beside logits and labels."""

    def __or__(self, other: "SampleRequest") -> "SampleRequest":
        ids = {**self.whole, **other.whole}
        whole = {i: self.whole.get(i, False) or other.whole.get(i, False) for i in ids}
        return SampleRequest(max(self.quota, other.quota), whole)

    def part(self, samples: Iterable[str]) -> "SampleRequest":
        """Return the part that is about these samples."""
        return SampleRequest(self.quota, {i: self.whole[i] for i in samples if i in self.whole})

    def within(self, other: "SampleRequest") -> bool:
        """Tell if the other asks for everything that is asked for here."""
        return self.quota <= other.quota and all(
            i in other.whole and image <= other.whole[i] for i, image in self.whole.items()
        )


def request_of_fit(fit: Fit, settings: Settings) -> dict[Target, SampleRequest]:
    """Return what a fit reads of each domain."""
    members = fit.read()
    methods = [calibrator(method) for _, method in fit.calibrations()]
    image = any(method.needs_image for method in methods)
    quota = settings.sample.quota(sum(len(m.domain.samples) for m in members))
    whole: frozenset[str] = frozenset()
    if any(method.needs_whole_images for method in methods):
        whole = select_images((f"{m}/{s.id}" for m in members for s in m.domain.samples), settings.seed)
    return {m: SampleRequest(quota, {s.id: image for s in m.domain.samples if f"{m}/{s.id}" in whole}) for m in members}


def request_of_all_fits(fits: Iterable[Fit], settings: Settings) -> dict[Target, SampleRequest]:
    """Return what several fits read of each domain together."""
    requests: dict[Target, SampleRequest] = {}
    for fit in fits:
        for target, request in request_of_fit(fit, settings).items():
            requests[target] = requests[target] | request if target in requests else request
    return requests
