"""A run, or a fitted calibration and a model -> a predictor; what does not belong together is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration import calibrator
from reliseg.calibration.records.record import Record, read_records
from reliseg.config.schema import parse_settings
from reliseg.data import DataSet, Domain
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.fitted_model import NOTHING, compare_models
from reliseg.deploy.predictor import Predictor
from reliseg.deploy.stored_run import Choice, StoredRun, dataset_of_record, of_record, place_to_read
from reliseg.errors import CalibrationError, ConfigError, ModelError, suggestion
from reliseg.models import Model
from reliseg.plan.plan import Target
from reliseg.prediction import Prediction
from reliseg.run.predict.identity import parts_of_predictions
from reliseg.run.predict.model_facts import ModelFacts

SETTINGS = ("device", "threads", "batch")
"""Settings of a run that another machine may need otherwise."""


def load_predictor(
    run: str | Path | Record,
    model: str | Model | Mapping[str, Model] | None = None,
    calibration: str | None = None,
    *,
    dataset: str | None = None,
    projection: Sequence[int] | None = None,
    **settings: Any,
) -> Predictor:
    """Return a model with one of its calibrations, ready for images: `predictor(image).confidence`.

    `run` is the folder of a run, or its address in an object store; `model` and `calibration` (`ts@camvid/cal`,
    `identity`) are names in it, which may be left out where it has only one. `dataset` names the data set whose classes
    are predicted, by default that of the calibration split. Of a model that was an object in Python, give that, or
    `{NAME: model}`. Or `run` is a fitted calibration, or its file, and `model` the open model that it was fitted on;
    `projection` is that of its data set, where that is not the default. `settings` are `device`, `threads` and `batch`,
    by default those of the run. Raises a
    UsageError that says in one line what does not fit.
    """
    for key in settings:
        if key not in SETTINGS:
            known = suggestion(key, [*SETTINGS, "model", "calibration", "dataset", "projection"])
            raise ConfigError(f"load_predictor has no keyword {key!r}; {known}")
    changed = parse_settings(settings).model_dump(include=set(settings))
    source = run if isinstance(run, Record) else place_to_read(run)
    if isinstance(source, Path) and source.is_file():
        source = find_record(source)
    if isinstance(source, Record):
        _refuse("of a calibration without its run", calibration=calibration, dataset=dataset)
        if not isinstance(model, Model):
            raise ConfigError(f"{source.name}: give model, the open model that it was fitted on, or load its run")
        return _of_record(source, model, projection, changed)
    _refuse("of a run, whose data sets have their own", projection=projection)
    stored = StoredRun(source, str(run))
    name, opened = _named(stored, model)
    choice = stored.choose_calibration(name, calibration)
    batch = stored.config.model_copy(update=changed).batch
    opened = opened or stored.load_model(name, changed)
    return _predictor(opened, name, stored.dataset(dataset, choice), choice, batch, stored.model_facts(name))


def _named(stored: StoredRun, model: str | Model | Mapping[str, Model] | None) -> tuple[str, Model | None]:
    """Return the name of a model in a run, and the model itself where it is given."""
    if model is None or isinstance(model, str):
        return stored.model_name(model), None
    if isinstance(model, Mapping) and len(model) == 1:
        ((name, model),) = model.items()
    else:
        name = None
    if not isinstance(model, Model):
        raise ConfigError(
            f"model is a {type(model).__name__}; give a name, a model of reliseg.open_model, or {{NAME: model}}"
        )
    return stored.model_name(name), model


def _refuse(what: str, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"load_predictor: {name} says nothing {what}; leave it out")


def _of_record(
    record: Record, model: Model, projection: Sequence[int] | None, settings: Mapping[str, Any]
) -> Predictor:
    """Return the predictor of a fitted calibration and the open model that it was fitted on."""
    groups = {} if projection is None else {model.labels.name: tuple(int(g) for g in projection)}
    dataset = dataset_of_record(record, groups)
    _check_projection(record, model, dataset)
    return _predictor(model, record.model, dataset, of_record(record), parse_settings(settings).batch)


def find_record(path: Path) -> Record:
    """Return the fitted calibration in a file, with its thresholds."""
    ((record,),) = read_records(path).values()
    return record


def _predictor(
    model: Model, name: str, dataset: DataSet, choice: Choice, batch: int, measured: Mapping[str, Any] = NOTHING
) -> Predictor:
    """Return the predictor of parts that belong together; `measured` is what the run says of its model."""
    if not model.reads_images:
        raise ModelError(f"model {name} is of stored predictions, which are there already; a predictor needs a network")
    record, notes = choice.record, list[str]()
    predictor = Predictor(model, name, dataset, choice.name, choice.calibration, record, choice.acceptance, batch)
    if record is not None:
        found = compare_models(record, model, name, measured)
        notes += found.notes
        if not found.is_same and (choice.acceptance.last is not None or choice.acceptance.sets is not None):
            why = f"the threshold of {record.split} was measured on a model that may be another one"
            predictor = replace(predictor, acceptance=Acceptance(why=why))
        _check_classes(record, dataset)
        _check_columns(predictor, record)
    return replace(predictor, notes=(*notes, *choice.calibration.notes()))


def _check_classes(record: Record, dataset: DataSet) -> None:
    if record.classes != tuple(dataset.labels.classes):
        raise ConfigError(
            f"{record.name} was fitted for {record.label_space} ({len(record.classes)} classes), and {dataset.name} "
            f"has {dataset.labels.name} ({len(dataset.labels)} classes); a calibration applies only to the classes it "
            "was fitted for"
        )


def _check_columns(predictor: Predictor, record: Record) -> None:
    """Refuse a model whose classes go to other columns than in the fit. A pixel without feature tells, where none is
    needed.
    """
    if calibrator(record.method).needs_feature:
        return
    logits = np.zeros((len(predictor.model.labels), 1, 1), np.float32)
    pixel = Prediction(logits, (1, 1), projection=predictor.projection, image=np.zeros((1, 1, 3), np.uint8))
    try:
        record.calibration(pixel)
    except CalibrationError as error:
        raise ConfigError(f"{record.name} does not fit model {predictor.name}: {error}") from error


def _check_projection(record: Record, model: Model, dataset: DataSet) -> None:
    """Refuse a calibration whose data set brings classes or images to the model otherwise: its run knows how."""
    target = Target(dataset, Domain("images", ()))
    now = parts_of_predictions(ModelFacts.of(model), [target] * max(len(record.samples), 1), 1)
    for part, argument in (("projection", "; load it from the folder of its run, or give projection"), (_SIZE, "")):
        if part in record.parts and record.parts[part] != now.get(part):
            advice = argument or "; load it from the folder of its run"
            raise ConfigError(f"{record.name} was fitted with another {part} than {dataset.name} has here{advice}")


_SIZE = "size of the images"
