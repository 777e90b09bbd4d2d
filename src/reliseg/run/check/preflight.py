"""Everything that can be wrong before a long run."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from reliseg.calibration import calibrator
from reliseg.calibration.records.record import Record
from reliseg.data import DomainCheck, check_domain, first_lines, load
from reliseg.errors import DataError, ModelError, SampleError, UsageError, suggestion
from reliseg.labels import label_space_names
from reliseg.models import Model
from reliseg.plan.plan import Plan, Target, all_members
from reliseg.prediction import Prediction
from reliseg.run.check.leakage import problems_of_loaded, shared_scenes
from reliseg.run.fit.image_files import bytes_of_image
from reliseg.run.fit.pixel_files import bytes_of_pixel
from reliseg.run.fit.sampling import SampleRequest, request_of_all_fits
from reliseg.run.predict.stream import PredictionStream
from reliseg.runtime.numba_cache import check_compiler
from reliseg.runtime.progress import Progress, Silent


def check(plan: Plan, *, workers: int = 2, progress: Progress | None = None) -> dict[str, Model]:
    """Raise the first kind of trouble as a UsageError; else the model, where the plan has only one."""
    problems: list[str] = []
    for target in _all_targets(plan):
        problems += checked_files(target, full=False, workers=workers, progress=progress or Silent()).problems
    problems = problems or list(problems_of_loaded(plan, workers=workers, progress=progress or Silent()))
    if problems:
        raise DataError("\n".join(problems))
    for line in shared_scenes(plan):
        (progress or Silent()).note(line)
    models, spaces = {}, set()
    for source in plan.models:
        model = source.load()
        spaces.add(model.labels.name)
        problems += model_problems(plan, source.name, model)
        if len(plan.models) == 1:
            models[source.name] = model
    problems += projection_problems(plan, spaces)
    if problems:
        raise ModelError("\n".join(problems))
    return models


def report(plan: Plan, *, full: bool, workers: int, progress: Progress) -> list[str]:
    """All problems of a plan, a line each; notes say what was found in order. For `reliseg check`."""
    check_compiler()
    problems: list[str] = []
    failed: dict[Target, frozenset[str]] = {}
    for target in _all_targets(plan):
        checked = checked_files(target, full=full, workers=workers, progress=progress)
        problems += checked.problems
        failed[target] = checked.failed
        if not checked.problems:
            kind = "images and masks" if target.domain.annotated else "images without annotation"
            skipped = f", {len(target.domain.skipped)} skipped" if target.domain.skipped else ""
            progress.note(f"{target}: {len(target.domain.samples)} {kind}{skipped}")
    problems = problems or list(problems_of_loaded(plan, workers=workers, progress=progress))
    for line in shared_scenes(plan):
        progress.note(line)
    problems += fit_problems(plan)
    spaces: set[str] = set()
    for source in plan.models:
        try:
            model = source.load()
            spaces.add(model.labels.name)
        except UsageError as error:
            problems.append(str(error))
            continue
        found = model_problems(plan, source.name, model)
        if full and not found:
            found = full_problems(plan, source.name, model, failed, workers=workers, progress=progress)
        if not found:
            progress.note(f"model {source.name}: {len(model.labels)} classes ({model.labels.name})")
            try:
                if plan.fits:
                    progress.note(f"model {source.name}: {disk_use(plan, model)}")
                found = [f"model {source.name}: {problem}" for problem in feature_problems(plan, model)]
            except SampleError as error:
                found = [f"model {source.name}: {error}"]
        problems += found
        for record in plan.loaded.get(source.name, ()):
            progress.note(
                f"model {source.name}: {record.name}, fitted on {record.pixels} pixels, reliseg {record.version}"
            )
            for line in fit_notes(record, model):
                progress.note(f"model {source.name}, {record.name}: {line}")
    return problems + projection_problems(plan, spaces)


def checked_files(target: Target, *, full: bool, workers: int, progress: Progress) -> DomainCheck:
    """What is wrong with the files of a domain; what is only suspicious is noted."""
    progress.begin(f"{target}: files", len(target.domain.samples))
    checked = check_domain(
        target.dataset, target.domain, full=full, workers=workers, progress=lambda done, total: progress.advance()
    )
    for line in checked.notes:
        progress.note(line)
    return checked


def model_problems(plan: Plan, name: str, model: Model) -> list[str]:
    """Why a model does not fit the data sets, a line each."""
    problems = []
    ids = dict.fromkeys(s.id for target in _all_targets(plan) for s in target.domain.samples)
    lacking = set(model.missing(list(ids)))
    for target in _all_targets(plan):
        try:
            target.dataset.projection(model.labels)
        except UsageError as error:
            problems.append(f"model {name} on {target}: {error}")
        missing = [s.id for s in target.domain.samples if s.id in lacking]
        if missing:
            first = ", ".join(missing[:3])
            problems.append(f"model {name} on {target}: {len(missing)} samples have no stored prediction ({first} ..)")
    return problems


def fit_problems(plan: Plan) -> Iterator[str]:
    """Calibrations that want more images than there are to fit them on, a line each."""
    for fit in plan.fits:
        images = sum(len(m.domain.samples) for m in fit.members())
        for _, method in fit.calibrations():
            least = calibrator(method).least_images
            if images < least:
                yield f"calibration on {fit.split}: {method} wants {least} images, here are {images}; give more"


def feature_problems(plan: Plan, model: Model) -> Iterator[str]:
    """Calibrations that want a feature of each image, where the model gives none for the first; a line for each split.

    A SampleError where that image cannot be read or predicted.
    """
    for fit in plan.fits:
        wanting = [method for _, method in fit.calibrations() if calibrator(method).needs_feature]
        member = fit.members()[0]
        if wanting and _first_predicted(member, model).feature is None:
            first = member.domain.samples[0].id
            yield f"calibration on {fit.split}: {wanting[0]} needs features, and there is none for {first}; give them"


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
        return f"fitting takes about {self.pixels:,} pixels{more}, {self.size / 1e6:,.1f} MB on disk meanwhile"


def disk_use(plan: Plan, model: Model) -> DiskUse:
    """Of all fits together; each domain's first image stands for the others.

    The model predicts it where images are kept whole; a SampleError where it cannot be read or predicted.
    """
    requests = request_of_all_fits(plan.fits, plan.settings)
    return sum((_disk_use_of(target, request, model) for target, request in requests.items()), DiskUse())


def _disk_use_of(target: Target, wanted: SampleRequest, model: Model) -> DiskUse:
    first, native = target.domain.samples[0], 0
    if wanted.whole:
        native = _first_predicted(target, model).logits.size
    height, width = load(target.dataset, first, image=False).size
    pixels = len(target.domain.samples) * min(wanted.quota, height * width)
    size = pixels * bytes_of_pixel(len(target.dataset.labels) + 1)
    size += sum(bytes_of_image(native, height * width, image=image) for image in wanted.whole.values())
    return DiskUse(pixels, len(wanted.whole), size)


def _first_predicted(target: Target, model: Model) -> Prediction:
    """What the model says of the first image of a domain; a SampleError where it cannot."""
    (outcome,) = PredictionStream(model).predictions(target.dataset, target.domain.samples[:1])
    if isinstance(outcome, SampleError):
        raise outcome
    return outcome.prediction


def fit_notes(record: Record, model: Model) -> list[str]:
    """What a user should know who applies a calibration to a model that it may not have been fitted on."""
    if record.is_of(model.fingerprint(), model.file_hashes()):
        return []
    return [
        f"it was fitted on another {record.model!r}: other files or settings; check that this is the model it is for"
    ]


def projection_problems(plan: Plan, spaces: Collection[str]) -> list[str]:
    """Projections that no model uses and no shipped label space is called like: most likely misspelt."""
    known = {*spaces, *label_space_names()}
    datasets = {t.dataset.name: t.dataset for t in _all_targets(plan)}
    return [
        f"{name}: projection from unknown label space {space!r}; {suggestion(space, known)}"
        for name, dataset in datasets.items()
        for space in dataset.projections
        if space not in known
    ]


def full_problems(
    plan: Plan, name: str, model: Model, failed: Mapping[Target, Collection[str]], *, workers: int, progress: Progress
) -> list[str]:
    """Run a model over every sample and look at its logits; lines for samples that cannot be evaluated.

    `failed` are the samples of each target that are known to be broken: they are not said again.
    """
    problems = []
    for target in _all_targets(plan):
        where = f"model {name} on {target}"
        samples = [s for s in target.domain.samples if s.id not in failed[target]]
        progress.begin(f"{name} on {target}", len(samples))
        found = []
        for outcome in PredictionStream(model, workers, plan.settings.batch).predictions(target.dataset, samples):
            progress.advance()
            if isinstance(outcome, SampleError):
                found.append(f"{where}: {outcome}")
        problems += first_lines(found, where)
    return problems


def _all_targets(plan: Plan) -> list[Target]:
    return list(dict.fromkeys([*all_members(t for f in plan.fits for t in f.on), *plan.test_domains()]))
