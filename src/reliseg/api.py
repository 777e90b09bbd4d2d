"""The Python interface: everything the command does, with objects in place of files."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary, finalize

from reliseg.api_arguments import (
    as_path,
    as_text,
    check_how,
    check_models,
    label_space_of,
    list_of_datasets,
    named_runs,
    options_of_dataset,
    options_of_model,
    pools_of,
    receiver_of,
    saved_kinds,
    strings,
)
from reliseg.calibration.records.record import Record, read_record
from reliseg.config.inputs import DataConfig, ModelConfig
from reliseg.config.schema import parse_config, parse_settings, read_config, render_config
from reliseg.config.settings import Settings, left_out_families
from reliseg.data import DataOptions, DataSet
from reliseg.data import open_dataset as _open_dataset
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import LabelSpace
from reliseg.models import MODELS, Model, ModelOptions
from reliseg.models.calling import load_model, model_from
from reliseg.plan.build import plan_from_config, plan_with
from reliseg.plan.describe import dataset_in_memory, describe_dataset, describe_model, model_in_memory
from reliseg.plan.plan import ModelSource, Plan
from reliseg.report.compare.sides import By, read_runs
from reliseg.report.compare.table import Comparisons, compare_runs
from reliseg.results import Results
from reliseg.results.readable import RESULTS_FILE, Source
from reliseg.run.context import CHECKPOINT
from reliseg.run.depot.open import keep_tables, open_depot
from reliseg.run.execute import Run
from reliseg.run.failures import OnError
from reliseg.runtime.progress import Listener, Progress
from reliseg.runtime.workers import decoding_threads

__all__ = ["compare", "evaluate", "load_calibration", "merge_runs", "open_dataset", "open_model", "run_config"]

Runs: TypeAlias = str | Path | Results
"""What says which run is meant: a path, an address, or what was read of it."""
_DATA_SECTIONS: WeakKeyDictionary[DataSet, DataConfig] = WeakKeyDictionary()
"""Of data sets that were opened here: how a configuration says them."""
_MODEL_SECTIONS: WeakKeyDictionary[Model, ModelConfig] = WeakKeyDictionary()
"""Of models that were opened here."""


def open_dataset(spec: str, root: str | Path, **options: Any) -> DataSet:
    """Open a data set by the name of its spec (`camvid`, `acdc`, `folder`, ... or a .toml file) and its root folder,
    which may lie in object storage (`s3://bucket/camvid`).

    Options are those of a configuration's data set: name, labels, label_map, projection, domains, image, mask,
    missing, unlisted, annotations, resize, listing. Raises a ConfigError or DataError that says what is wrong.
    """
    for key, value in (("spec", spec), ("root", root)):
        if not isinstance(value, str | Path):
            raise ConfigError(f"{key} is a {type(value).__name__}; give a text or a path")
    dataset_options = DataOptions(**options_of_dataset({"spec": str(spec), "root": str(root)} | options))
    dataset = _open_dataset(dataset_options)
    section = describe_dataset(dataset_options, dataset.name)
    if section:
        _DATA_SECTIONS[dataset] = section
    return dataset


def open_model(
    where: str | Callable[..., Any], labels: str | LabelSpace | None = None, *, name: str = "model", **options: Any
) -> Model:
    """Load a model from `KIND:WHERE` (`hf:folder`, `stored:folder`, `python:file.py:build`), a module, or a callable.

    `labels` is the label space that it predicts. Options are those of a configuration's model: weights, key, output,
    values, align_corners, mean, std, resize, interpolation, pad, slide, tta, mc_dropout and its seed, masks, feature,
    precision, args, device, threads. `reliseg.tune_malloc()` before it makes networks faster on a CPU. Raises a
    ModelError that says what is wrong.
    """
    checked, space = options_of_model(options), label_space_of(labels)
    if not isinstance(where, str):
        from reliseg.models.kinds.python import PythonModel

        of_object = ModelOptions(name=name, kind="python", where=name, labels=space, **checked)
        return model_from(PythonModel, lambda: PythonModel.of(where, of_object), name)
    kind, separator, place = where.partition(":")
    if not separator:
        raise ConfigError(f"{where!r} has no known kind of model; write KIND:WHERE; kinds: {', '.join(MODELS.names())}")
    model_options = ModelOptions(name=name, kind=kind, where=place, labels=space, **checked)
    model = load_model(kind, model_options)
    section = describe_model(model_options, labels)
    if section:
        _MODEL_SECTIONS[model] = section
    return model


def ensemble(models: Mapping[str, Model], *, name: str = "ensemble") -> Model:
    """Return the mean of the probabilities of open models, by name, which predict the same classes.

    Mutual information and expected entropy come with its predictions as scores. Raises a ModelError where the classes
    differ.
    """
    check_models(models)
    from reliseg.models.kinds.ensemble import EnsembleModel

    return EnsembleModel.of(models, name)


def evaluate(
    model: Model | Mapping[str, Model],
    dataset: DataSet | Sequence[DataSet],
    *,
    test: str | Sequence[str] | None = None,
    reference: str | None = None,
    calibrate_on: str | Sequence[str] = (),
    methods: str | Sequence[str] = ("identity", "ts"),
    calibrate_from: str | Path | Sequence[str | Path] = (),
    allow_seen: str | Sequence[str] = (),
    pooled: Mapping[str, str | Sequence[str]] | None = None,
    corrupt: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    accept: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    sets: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    out: str | Path | None = None,
    workers: int | None = None,
    progress: Listener | bool | None = None,
    verify: bool = False,
    on_error: OnError = "stop",
    save: str | Sequence[str] = (),
    pictures: int | None = None,
    checkpoint: float = CHECKPOINT,
    **settings: Any,
) -> Results:
    """Return the result table of one or more models on domains of one or more data sets.

    `test`, `reference` and `calibrate_on` name domains as `DATASET/DOMAIN`; `methods` are fitted on `calibrate_on`
    if that is given; `calibrate_from` names run folders or records whose fitted calibrations are applied. A domain
    that holds images which a calibration was fitted on is refused, unless `allow_seen` names it; `pooled` names domains
    that are reported together too, by the name of the pool; `corrupt` is a section of a configuration, or several: what
    is reported of corrupted images; `accept` and `sets` likewise: what is promised. `settings` are
    those of a configuration: scores, metrics, seed, batch, sample. A domain with images that cannot be evaluated has no
    rows, or with `on_error="skip"` those of its other images. `progress=True` shows a bar, on the terminal or below the
    cell of a notebook. Statistics are kept in `out`, where an interrupted evaluation goes on, or in a temporary folder,
    of which the tables stay as long as the results. `verify`, `save`, `pictures` and `checkpoint` are options of
    `reliseg run`. `out/config.yaml` is a configuration that it carries out if all models and data sets were opened by
    name; it says which one was an object in Python and is not.
    """
    models = dict(model) if isinstance(model, Mapping) else {"model": model}
    datasets = list_of_datasets(dataset)
    check_models(models)
    fitted_on = strings("calibrate_on", calibrate_on)
    checked = parse_settings(_check_keywords(settings))
    content = checked.model_dump() | {
        "models": [_model_section(n, m, checked.seed) for n, m in models.items()],
        "datasets": [_DATA_SECTIONS.get(d) or dataset_in_memory(d) for d in datasets],
        "calibration": [
            *([{"on": fitted_on, "methods": strings("methods", methods)}] if fitted_on else []),
            *({"load": path} for path in strings("calibrate_from", calibrate_from)),
        ],
        "test": {
            "on": None if test is None else strings("test", test),
            "reference": reference,
            "allow_seen": strings("allow_seen", allow_seen),
            "pooled": pools_of(pooled),
        },
    }
    content |= {k: given for k, given in (("corrupt", corrupt), ("accept", accept), ("sets", sets)) if given}
    config = parse_config(content, where="evaluate")
    plan = plan_with([ModelSource(n, lambda m=m: m) for n, m in models.items()], datasets, config, Path())  # type: ignore[misc]
    text = render_config(config, Path())
    how = _how(
        workers,
        progress,
        verify=verify,
        on_error=on_error,
        save=saved_kinds(save, out),
        pictures=pictures,
        checkpoint=checkpoint,
    )
    if out is not None:
        return _carry_out(plan, text, as_text("out", out), how)
    return _in_temporary_folder(lambda folder: _carry_out(plan, text, folder, how))


def load_calibration(path: str | Path) -> Record:
    """Read a fitted calibration from its file in `RUN/calibrations/MODEL/`, with all that is known of it.

    Its `calibration` is a function from a prediction in the classes `classes` to the calibrated one. Raises a
    ConfigError where the file is not a whole record; nothing in it is executed.
    """
    return read_record(Path(path).expanduser())


def run_config(
    config: str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    device: str | None = None,
    limit: int | None = None,
    progress: Listener | bool | None = None,
    verify: bool = False,
    on_error: OnError = "stop",
    save: str | Sequence[str] = (),
    pictures: int | None = None,
    checkpoint: float = CHECKPOINT,
) -> Results:
    """Carry out a configuration file, as `reliseg run CONFIG --out OUT` does with options of these names.

    `device` and `limit` stand in the place of those of the file. `progress=True` shows a bar.
    """
    path = as_path("config", config)
    overrides = {key: value for key, value in {"device": device, "limit": limit}.items() if value is not None}
    parse_settings(overrides, where="run_config")
    checked = read_config(path).model_copy(update=overrides)
    plan = plan_from_config(checked, path.parent)
    how = _how(
        workers,
        progress,
        verify=verify,
        on_error=on_error,
        save=saved_kinds(save, out),
        pictures=pictures,
        checkpoint=checkpoint,
    )
    return _carry_out(plan, render_config(checked, path.parent), as_text("out", out), how)


def merge_runs(
    runs: Iterable[str | Path], out: str | Path, *, strict: bool = False, progress: Listener | bool | None = None
) -> None:
    """Put together what several runs have stored, as `reliseg merge RUN... --out OUT [--strict]` does.

    Raises a ConfigError that names what does not belong together, before anything is written, and an IncompleteError at
    the end where something is damaged and was left out.
    """
    from reliseg.run.upkeep.merge import Merge

    with _shown(receiver_of(progress)) as told:
        Merge(strings("runs", runs), as_text("out", out), strict, told).execute()


def compare(
    runs: Runs | Sequence[Runs] | Mapping[str, Runs],
    metric: str,
    *,
    by: By | None = None,
    baseline: str | None = None,
    **only: str | Sequence[str],
) -> Comparisons:
    """Return how models, calibrations, domains or runs differ in a metric from a baseline, as `reliseg compare` does.

    `runs` are folders, addresses or `Results`, or a dict of these by the names that the table shall have. Results in a
    list are called by their folder, or by their number: `#1`. `only` names the model, domain, calibration, score or
    class_ that is compared, one or several. Intervals are at 95 %, paired on the same images; `p_holm` is adjusted for
    all comparisons. Raises a ConfigError that says what has no number, or nothing to be compared with.
    """
    if unknown := sorted(set(only) - set(_COMPARED)):
        raise ConfigError(f"compare: no argument is called {unknown[0]!r}; {suggestion(unknown[0], _COMPARED)}")
    names = {name.rstrip("_"): strings(name, given) for name, given in only.items()}
    return compare_runs(read_runs(named_runs(runs)), metric, by=by, baseline=baseline, only=names)


_COMPARED = ("model", "domain", "calibration", "score", "class_")


def _how(workers: int | None, progress: Listener | bool | None, **options: Any) -> dict[str, Any]:
    """Return how a run is carried out, as arguments of a Run."""
    check_how(workers, options)
    return {"workers": decoding_threads(workers), "progress": receiver_of(progress), **options}


def _carry_out(plan: Plan, configuration: str, out: str, how: dict[str, Any]) -> Results:
    folder, depot = open_depot(out)
    with _shown(how["progress"]) as progress:
        run = Run(plan, folder, configuration, depot=depot, **how | {"progress": progress})
        for line in left_out_families(plan.settings):
            run.progress.note(line)
        return run.execute()


def _in_temporary_folder(work: Callable[[str], Results]) -> Results:
    """Return the results of work in a temporary folder, whose tables stay as long as the results are there."""
    folder = tempfile.mkdtemp(prefix="reliseg-")
    try:
        results = work(folder)
        source = Source.of(folder, Path(folder, RESULTS_FILE).read_bytes(), is_temporary=True)
        keep_tables(Path(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finalize(source, shutil.rmtree, folder, ignore_errors=True)
    return replace(results, source=source)


@contextmanager
def _shown(progress: Progress) -> Iterator[Progress]:
    """Have what shows progress on the screen there as long as it is told something."""
    with progress if isinstance(progress, AbstractContextManager) else nullcontext():
        yield progress


def _model_section(name: str, model: Model, seed: int) -> dict[str, Any]:
    """Return how a configuration with this seed says a model under this name, not checked yet."""
    try:
        section = _MODEL_SECTIONS.get(model)
    except TypeError:  # not hashable: of a class that open_model has not loaded
        section = None
    if section and section.mc_dropout and model.provenance().get("seed") != seed:
        section = None  # dropout would begin with another one
    return (section.model_dump() if section else model_in_memory(model)) | {"name": name}


def _check_keywords(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an evaluation; a ConfigError that knows all its keywords where one is neither."""
    known = [*Settings.model_fields, *signature(evaluate).parameters]
    known.remove("settings")
    for key in settings:
        if key not in known:
            raise ConfigError(f"evaluate has no keyword {key!r}; {suggestion(key, known)}")
    return settings
