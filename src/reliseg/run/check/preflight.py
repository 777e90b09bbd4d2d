"""Everything that can be wrong before a long run."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reliseg.calibration.records.record import Record
from reliseg.data import DomainCheck, check_domain
from reliseg.errors import DataError, ModelError, SampleError, UsageError, count_text, shortlist, suggestion
from reliseg.labels import LabelSpace, label_space_names
from reliseg.models import Model
from reliseg.plan.plan import ModelSource, Plan, Target, all_members, without_copies
from reliseg.plan.promised import notes_on
from reliseg.run.check.fit_needs import disk_use, feature_problems, fit_problems
from reliseg.run.check.leakage import problems_of_loaded, shared_scenes
from reliseg.run.check.trial import Trial
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.predict.model_inputs import check_size_of
from reliseg.runtime.progress import Progress, Silent, Stage


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that was looked at, and its problems, a line each."""

    problems: list[str]
    target: Target | None = None
    checked: DomainCheck | None = None
    """What is known of the target's files."""
    model: tuple[str, Model] | None = None
    error: UsageError | None = None
    """What loading the model raised."""


@dataclass(frozen=True, eq=False)
class Scope:
    """The part of a plan that is looked at: the rest is stored, and was looked at before."""

    models: Collection[str]
    """The names of the models that must predict."""
    targets: Collection[Target] | None = None
    """The domains that they must predict; None is all."""
    spaces: tuple[LabelSpace, ...] = ()
    """The label spaces of the other models."""
    skips: bool = False
    """Whether samples that cannot be read are noted, where others of their domain can."""


@dataclass(frozen=True, eq=False)
class Preflight:
    """The walk over everything that a plan names. Lines that are only good to know are noted at once."""

    plan: Plan
    workers: int
    progress: Progress
    full: bool = False
    """Everything is decoded, and every model is run on it."""
    scope: Scope | None = None
    """None is the whole plan."""

    def look_at_data(self) -> Iterator[Finding]:
        """Yield the findings on the files of each domain, and on images that loaded calibrations were fitted on."""
        has_problems = False
        for dataset in dict.fromkeys(target.dataset for target in self._targets):
            for line in dataset.notes:
                self.progress.note(f"{dataset.name}: {line}")
        for target in self._targets:
            checked = check_files(target, full=self.full, workers=self.workers, progress=self.progress)
            if self.scope and self.scope.skips and 0 < len(checked.failed) < len(target.domain.samples):
                for line in checked.problems:
                    self.progress.note(f"skipped: {line}")
                checked = replace(checked, problems=())
            has_problems |= bool(checked.problems)
            yield Finding(list(checked.problems), target, checked)
        if not has_problems:
            yield Finding(list(problems_of_loaded(self.plan, workers=self.workers, progress=self.progress)))

    @property
    def sources(self) -> list[ModelSource]:
        """The models that are looked at."""
        return [s for s in self.plan.models if self.scope is None or s.name in self.scope.models]

    @property
    def _targets(self) -> list[Target]:
        chosen = self.scope.targets if self.scope else None
        return without_copies(t for t in _all_targets(self.plan) if chosen is None or t in chosen)

    def look_at_models(self) -> Iterator[Finding]:
        """Yield the findings on each model, and on projections that none of them uses."""
        for line in (*shared_scenes(self.plan), *(line for g in self.plan.grounds for line in notes_on(g))):
            self.progress.note(line)
        spaces = list(self.scope.spaces) if self.scope else []
        for source in self.sources:
            try:
                model = source.load()
            except UsageError as error:
                yield Finding([str(error)], error=error)
                continue
            spaces.append(model.labels)
            yield Finding(model_problems(self.plan, source.name, model), model=(source.name, model))
        yield Finding(projection_problems(self.plan, spaces))


def check(
    plan: Plan, *, workers: int = 2, progress: Progress | None = None, scope: Scope | None = None
) -> dict[str, Model]:
    """Raise the first kind of trouble as a UsageError; else return the model, where only one is looked at."""
    preflight = Preflight(plan, workers, progress or Silent(), scope=scope)
    problems = [line for finding in preflight.look_at_data() for line in finding.problems]
    if problems:
        raise DataError(*problems)
    models = {}
    for finding in preflight.look_at_models():
        if finding.error:
            raise finding.error
        problems += finding.problems
        if finding.model and len(preflight.sources) == 1:
            name, models[name] = finding.model
    if problems:
        raise ModelError(*problems)
    return models


def report(plan: Plan, *, full: bool, workers: int, progress: Progress) -> list[str]:
    """Return all problems of a plan, a line each; note what is in order. For `reliseg check`."""
    from reliseg.runtime.numba_cache import check_compiler  # numba takes long to import

    check_compiler()
    preflight = Preflight(plan, workers, progress, full)
    problems: list[str] = []
    checks: dict[Target, DomainCheck] = {}
    for finding in preflight.look_at_data():
        problems += finding.problems
        if finding.target and finding.checked:
            checks[finding.target] = finding.checked
            if not finding.problems:
                progress.note(_size_text(finding.target))
    problems += fit_problems(plan)
    for finding in preflight.look_at_models():
        problems += finding.problems
        if finding.model:
            name, model = finding.model
            if not finding.problems:
                problems += _trial_problems(preflight, name, model, checks)
            _note_loaded(plan, name, model, progress)
    return problems


def _size_text(target: Target) -> str:
    kind = "images and masks" if target.domain.annotated else "images without annotation"
    skipped = f", {len(target.domain.skipped)} skipped" if target.domain.skipped else ""
    return f"{target}: {len(target.domain.samples)} {kind}{skipped}"


def _trial_problems(preflight: Preflight, name: str, model: Model, checks: Mapping[Target, DomainCheck]) -> list[str]:
    """Return what is wrong with a model's predictions: of some samples or of all, and of those that fits read first."""
    plan, progress = preflight.plan, preflight.progress
    trial = Trial(plan, name, model, checks, progress)
    problems = trial.problems_of_all(preflight.workers) if preflight.full else trial.problems_of_extremes()
    if problems:
        return problems
    trial.note_what_differs()
    progress.note(f"model {name}: {len(model.labels)} classes ({model.labels.name})")
    try:
        if plan.fits:
            progress.note(f"model {name}: {disk_use(plan, model)}")
        return [f"model {name}: {problem}" for problem in feature_problems(plan, model)]
    except SampleError as error:
        return [f"model {name}: {error}"]


def _note_loaded(plan: Plan, name: str, model: Model, progress: Progress) -> None:
    for record in plan.loaded.get(name, ()):
        progress.note(f"model {name}: {record.name}, fitted on {record.pixels} pixels, reliseg {record.version}")
        for line in fit_notes(record, ModelFacts.of(model)):
            progress.note(f"model {name}, {record.name}: {line}")


def check_files(target: Target, *, full: bool, workers: int, progress: Progress) -> DomainCheck:
    """Return what is wrong with the files of a domain; note what is only suspicious."""
    progress.begin(f"{target}: files", len(target.domain.samples), Stage("check", domain=str(target)))
    checked = check_domain(
        target.dataset, target.domain, full=full, workers=workers, progress=lambda done, total: progress.advance()
    )
    for line in checked.notes:
        progress.note(line)
    return checked


def model_problems(plan: Plan, name: str, model: Model) -> list[str]:
    """Return why a model does not fit the data sets, a line each."""
    problems = []
    corrupted = [target for target in _all_targets(plan) if target.domain.clean]
    if corrupted and not model.reads_images:
        return [
            f"model {name}: it reads stored predictions, which are of clean images, and {corrupted[0]} has none; give "
            "the network itself, or leave out corrupted domains"
        ]
    for target in _all_targets(plan):
        try:
            target.dataset.projection(model.labels)
            check_size_of(model, target.dataset)
        except UsageError as error:
            problems.append(f"model {name} on {target}: {error}")
        missing = model.of_domain(str(target)).missing([s.id for s in target.domain.samples])
        if missing:
            whose = "its" if len(missing) == 1 else "their"
            samples = f"{count_text(len(missing), 'sample')} without a stored prediction of {whose} own"
            first, why = next(iter(missing.items()))
            text = f"{samples} ({shortlist(list(missing))}); {first}: {why}"
            problems.append(f"model {name} on {target}: {text}; add or rename the files, or exclude the samples")
    return problems or _shared_predictions(plan, name, model)


def _shared_predictions(plan: Plan, name: str, model: Model) -> list[str]:
    """Return a line if a stored prediction would serve two images: samples of two data sets may be called alike."""
    if model.reads_images:
        return []
    users: dict[Path, tuple[object, str]] = {}
    for target in _all_targets(plan):
        bound = model.of_domain(str(target))
        for sample in target.domain.samples:
            user = (target.dataset.root / sample.image, sample.copy), f"{target}: {sample.id}"
            for file in bound.files(sample.id):
                image, other = users.setdefault(file, user)
                if image != user[0]:
                    way = f"call the files of each data set DATASET/DOMAIN/SCENE/STEM{file.suffix}"
                    return [f"model {name}: {file} would serve two images, {other} and {user[1]}; {way}"]
    return []


def fit_notes(record: Record, facts: ModelFacts) -> list[str]:
    """Return what a user should know who applies a calibration to a model that it may not have been fitted on."""
    if record.is_of(facts.fingerprint, facts.file_hashes):
        return []
    return [
        f"it was fitted on a model {record.model!r} with other files or settings; check that this is the right model"
    ]


def projection_problems(plan: Plan, spaces: Collection[LabelSpace]) -> list[str]:
    """Return a line for each projection from a label space that no model uses and that does not ship: a misspelling;
    and for each whose name is that of two label spaces.
    """
    by_name: dict[str, set[tuple[str, ...]]] = {}
    for space in spaces:
        by_name.setdefault(space.name, set()).add(space.classes)
    classes = {space.classes for space in spaces}
    known = {*by_name, *label_space_names()}
    problems = []
    for dataset in {t.dataset.name: t.dataset for t in _all_targets(plan)}.values():
        where = f"{dataset.name}: projection:"
        for source in dataset.projections:
            is_known = source in dataset.sources
            if is_known and source not in known and dataset.sources[source].classes not in classes:
                problems.append(f"{where} no model has the classes of {source}; name the file of a model's labels")
            elif not is_known and source not in known:
                problems.append(f"{where} unknown label space {source!r}; {suggestion(source, known)}")
            elif not is_known and len(by_name.get(source, ())) > 1:
                problems.append(
                    f"{where} {source} is the name of two label spaces of models; write the path of one's .toml file "
                    "in the place of the name"
                )
    return problems


def _all_targets(plan: Plan) -> list[Target]:
    return list(dict.fromkeys([*all_members(t for f in plan.fits for t in f.on), *plan.test_domains()]))
