"""The Python interface: everything the command does, with objects in place of files."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from reliseg.calibration import canonical
from reliseg.calibration.records.record import Record, read_record
from reliseg.config.schema import Settings, parse_settings, plain_name, read_config, render_config
from reliseg.data import DataOptions, DataSet
from reliseg.data import open_dataset as _open_dataset
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import LabelSpace, label_space
from reliseg.models import MODELS, Model, ModelOptions
from reliseg.plan.build import build_plan, find_reference, find_targets, loaded_records, plan_from_config
from reliseg.plan.plan import Fit, ModelSource
from reliseg.results import Results
from reliseg.run.execute import Run
from reliseg.runtime.malloc import share_heap
from reliseg.runtime.progress import Progress, Silent
from reliseg.runtime.workers import decoding_threads

__all__ = ["evaluate", "load_calibration", "open_dataset", "open_model", "run_config"]


def open_dataset(spec: str, root: str | Path, **options: Any) -> DataSet:
    """A data set by the name of its spec (`camvid`, `acdc`, `folder`, ... or a .toml file) and its root folder.

    Options are those of a configuration's data set: name, labels, label_map, projection, domains, image, mask,
    missing, unlisted, annotations. Raises a ConfigError or DataError that says what is wrong.
    """
    return _open_dataset(DataOptions(spec=spec, root=Path(root), **_check_options(DataOptions, options)))


def open_model(
    where: str | Callable[..., Any], labels: str | LabelSpace | None = None, *, name: str = "model", **options: Any
) -> Model:
    """A model from `KIND:WHERE` (`hf:folder`, `stored:folder`, `python:file.py:build`), a module, or a callable.

    `labels` is the label space that it predicts. Options are those of a configuration's model: weights,
    align_corners, mean, std, resize, args, device, threads. From then on new threads of the process share one heap, so
    that large arrays can be kept (glibc). Raises a ModelError that says what is wrong.
    """
    share_heap()
    _check_options(ModelOptions, options)
    space = label_space(labels) if isinstance(labels, str) else labels
    if not isinstance(where, str):
        from reliseg.models.kinds.python import PythonModel

        return PythonModel.of(where, ModelOptions(name=name, kind="python", where=name, labels=space, **options))
    kind, separator, place = where.partition(":")
    if not separator:
        raise ConfigError(f"{where!r} names no kind of model: write KIND:WHERE; kinds: {', '.join(MODELS.names())}")
    return MODELS.get(kind).load(ModelOptions(name=name, kind=kind, where=place, labels=space, **options))


def evaluate(
    model: Model | Mapping[str, Model],
    dataset: DataSet | Sequence[DataSet],
    *,
    test: str | Sequence[str] | None = None,
    reference: str | None = None,
    calibrate_on: str | Sequence[str] = (),
    methods: Sequence[str] = ("identity", "ts"),
    calibrate_from: str | Path | Sequence[str | Path] = (),
    allow_seen: str | Sequence[str] = (),
    out: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Results:
    """The result table of one or more models on domains of one or more data sets.

    `test`, `reference` and `calibrate_on` name domains as `DATASET/DOMAIN`; `methods` are fitted on `calibrate_on`
    if that is given; `calibrate_from` names run folders or records whose fitted calibrations are applied. A domain
    that holds images which a calibration was fitted on is refused, unless `allow_seen` names it. `settings` are those
    of a configuration: scores, metrics, seed, batch, sample. Statistics are kept in `out` (where an interrupted
    evaluation goes on) or in a temporary folder.
    """
    models = {_check_name(n): m for n, m in model.items()} if isinstance(model, Mapping) else {"model": model}
    datasets = {d.name: d for d in ([dataset] if isinstance(dataset, DataSet) else dataset)}
    for name, each in models.items():
        if not isinstance(each, Model):
            kind = type(each).__name__
            raise ConfigError(f"model {name!r} is a {kind}: make it a model by reliseg.open_model(.., labels=..)")
    if not datasets:
        raise ConfigError("no data set is given: open one by reliseg.open_dataset")
    checked: Settings = parse_settings(settings)
    names = [calibrate_on] if isinstance(calibrate_on, str) else list(calibrate_on)
    tested = [test] if isinstance(test, str) else test
    places = [calibrate_from] if isinstance(calibrate_from, str | Path) else list(calibrate_from)
    allowed = [allow_seen] if isinstance(allow_seen, str) else list(allow_seen)
    fits = [Fit(tuple(find_targets(names, datasets)), tuple(canonical(m) for m in methods))] if names else []
    plan = build_plan(
        tuple(ModelSource(n, lambda m=m: m) for n, m in models.items()),  # type: ignore[misc]
        datasets,
        fits,
        None if tested is None else find_targets(tested, datasets),
        find_reference(reference, datasets),
        checked,
        loaded=loaded_records([Path(p).expanduser() for p in places], list(models)),
        allow_seen=find_targets(allowed, datasets),
    )
    described = json.dumps(
        {
            "models": {n: m.provenance() for n, m in models.items()},
            "tests": [str(t) for t in plan.tests],
            "reference": reference,
            "calibration": [{"on": names, "methods": list(methods)}] if names else [],
            "loaded": [str(Path(p).expanduser().resolve()) for p in places],
            "allow_seen": allowed,
            **checked.model_dump(mode="json"),
        },
        indent=1,
    )
    if out is not None:
        return Run(
            plan, Path(out), described, workers=decoding_threads(workers), progress=progress or Silent()
        ).execute()
    with tempfile.TemporaryDirectory(prefix="reliseg-") as folder:
        return Run(
            plan, Path(folder), described, workers=decoding_threads(workers), progress=progress or Silent()
        ).execute()


def load_calibration(path: str | Path) -> Record:
    """A fitted calibration from its file in `RUN/calibrations/MODEL/`, with all that is known of it.

    Its `calibration` is a function from a prediction in the classes `classes` to the calibrated one. Raises a
    ConfigError where the file is not a whole record; nothing in it is executed.
    """
    return read_record(Path(path).expanduser())


def run_config(
    config: str | Path, out: str | Path, *, workers: int | None = None, progress: Progress | None = None
) -> Results:
    """Carry out a configuration file, as `reliseg run CONFIG --out OUT` does."""
    path = Path(config)
    checked = read_config(path)
    plan = plan_from_config(checked, path.parent)
    return Run(
        plan,
        Path(out),
        render_config(checked, path.parent),
        workers=decoding_threads(workers),
        progress=progress or Silent(),
    ).execute()


def _check_options(kind: type[DataOptions] | type[ModelOptions], options: dict[str, Any]) -> dict[str, Any]:
    """The options, if all are fields of their kind."""
    names = [f.name for f in fields(kind)]
    for key in options:
        if key not in names:
            raise ConfigError(f"unknown option {key!r}; {suggestion(key, names)}")
    return options


def _check_name(name: str) -> str:
    """A model's name, which becomes a folder of the run."""
    try:
        return plain_name(name)
    except ValueError as error:
        raise ConfigError(f"model name {error}") from error
