"""What fits need of their calibration split: images, features, and room on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass

from reliseg.calibration import calibrator
from reliseg.data import load
from reliseg.errors import SampleError, count_text
from reliseg.models import Model
from reliseg.plan.plan import Plan, Target
from reliseg.prediction import Prediction
from reliseg.run.fit.image_files import bytes_of_image
from reliseg.run.fit.pixel_files import bytes_of_pixel
from reliseg.run.fit.requests import SampleRequest, request_of_all_fits
from reliseg.run.predict.stream import PredictionStream


def fit_problems(plan: Plan) -> Iterator[str]:
    """Yield a line for each calibration that wants more images than there are to fit it on."""
    for fit in plan.fits:
        images = sum(len(m.domain.samples) for m in fit.read())
        said = set()
        for _, method in fit.calibrations():
            name, least = method.partition("(")[0], calibrator(method).least_images
            if images < least and (name, least) not in said:  # several seeds need the same
                said.add((name, least))
                need = f"{method} needs at least {count_text(least, 'image')} and has {images}"
                yield f"calibration on {fit.split}: {need}; use more images"


def feature_problems(plan: Plan, model: Model) -> Iterator[str]:
    """Yield a line for each split with calibrations that want features, where the model gives none for the first image.

    A SampleError where that image cannot be read or predicted.
    """
    for fit in plan.fits:
        wanting = [method for _, method in fit.calibrations() if calibrator(method).needs_feature]
        member = fit.read()[0]
        if wanting and _first_prediction(member, model).feature is None:
            first = member.domain.samples[0].id
            need = f"{wanting[0]} needs a feature of each image, and the model gives none for {first}"
            yield f"calibration on {fit.split}: {need}; let it give one, or use another method"


@dataclass(frozen=True)
class DiskUse:
    """What the calibrations of a model are fitted on, and the bytes it takes until they are."""

    pixels: int = 0
    whole: int = 0
    size: int = 0

    def __add__(self, other: "DiskUse") -> "DiskUse":
        return DiskUse(self.pixels + other.pixels, self.whole + other.whole, self.size + other.size)

    def __str__(self) -> str:
        more = f" and {self.whole:,} whole images" if self.whole else ""
        size = f"{self.size / 1e6:,.1f} MB on disk until then"
        return f"calibrations are fitted on about {self.pixels:,} pixels{more}, {size}"


def disk_use(plan: Plan, model: Model) -> DiskUse:
    """Return the disk use of all fits together; each domain's first image stands for the others.

    The model predicts it where images are kept whole; a SampleError where it cannot be read or predicted.
    """
    requests = request_of_all_fits(plan.fits, plan.settings)
    return sum((_disk_use_of(target, request, model) for target, request in requests.items()), DiskUse())


def _disk_use_of(target: Target, request: SampleRequest, model: Model) -> DiskUse:
    first, native = target.domain.samples[0], 0
    if request.whole:
        native = _first_prediction(target, model).logits.size
    height, width = load(target.dataset, first, image=False).size
    pixels = len(target.domain.samples) * min(request.quota, height * width)
    size = pixels * bytes_of_pixel(len(target.dataset.labels) + 1)
    size += sum(bytes_of_image(native, height * width, image=image) for image in request.whole.values())
    return DiskUse(pixels, len(request.whole), size)


def _first_prediction(target: Target, model: Model) -> Prediction:
    """Return the prediction of the first image of a domain; a SampleError where there is none."""
    first = target.domain.samples[:1]
    (outcome,) = PredictionStream(model).predictions(target.dataset, first, domain=str(target))
    if isinstance(outcome, SampleError):
        raise outcome
    return outcome.prediction
