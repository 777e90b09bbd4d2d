"""What programs give as arguments: checked, and as a run takes it. Each fault is one line."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from reliseg.config.inputs import ModelConfig
from reliseg.config.schema import parse_dataset, parse_model, parse_settings
from reliseg.config.short_form import split_list
from reliseg.data import DataOptions, DataSet
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import LabelSpace, label_space
from reliseg.models import Model, ModelOptions
from reliseg.remote import root_from_text
from reliseg.results import Results
from reliseg.runtime.progress import Listener, Progress, Relay, Silent
from reliseg.runtime.text_files import quoted


def named_runs(runs: object) -> dict[str, str | Path | Results]:
    """Return runs by the names that a comparison gives them; a ConfigError for what is none."""
    if isinstance(runs, Mapping):
        items, names = list(runs.values()), [str(name) for name in runs]
    else:
        items = list(runs) if isinstance(runs, list | tuple) else [runs]
        called = [_run_name(run) for run in items]
        names = [name if name and called.count(name) == 1 else f"#{i}" for i, name in enumerate(called, 1)]
        names = ["results"] if called == [""] else names
    for item in items:
        if not isinstance(item, str | Path | Results):
            raise ConfigError(f"runs: give folders of runs, or Results; {quoted(item)} is none")
    if not items:
        raise ConfigError("runs: give at least one folder of a run, or Results")
    return dict(zip(names, items, strict=True))


def _run_name(run: object) -> str:
    """Return what a run is called by its path or address; nothing where it has none that says something."""
    if isinstance(run, Results):
        return run.source.run if run.source and not run.source.is_temporary else ""
    return str(run)


def saved_kinds(save: object, out: str | Path | None) -> tuple[str, ...]:
    """Return the kinds of files to write of each image; a ConfigError where they would vanish with their folder."""
    kinds = tuple(kind for text in strings("save", save) for kind in split_list(text))
    if kinds and out is None:
        raise ConfigError("save: the files lie in the folder of the run; give out too")
    return kinds


def check_models(models: Mapping[str, Model]) -> None:
    """Raise a ConfigError where a model was not opened."""
    for name, model in models.items():
        if not isinstance(model, Model):
            kind = type(model).__name__
            raise ConfigError(f"model {name!r} is a {kind}; open it with reliseg.open_model(.., labels=..)")


def list_of_datasets(given: object) -> list[DataSet]:
    """Return one or more data sets as a list; a ConfigError where one was not opened: nothing else is gone through."""
    datasets: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not datasets:
        raise ConfigError("no data set is given; open one with reliseg.open_dataset")
    for dataset in datasets:
        if not isinstance(dataset, DataSet):
            text = f" {dataset!r}" if isinstance(dataset, str) else ""
            raise ConfigError(f"data set{text} is a {type(dataset).__name__}; open it with reliseg.open_dataset")
    return datasets


def label_space_of(labels: object) -> LabelSpace | None:
    """Return the label space; a ConfigError where this is neither one nor the name of one."""
    if labels is None or isinstance(labels, LabelSpace):
        return labels
    if isinstance(labels, str | Path):
        return label_space(str(Path(labels).expanduser()))
    raise ConfigError(
        f"labels is a {type(labels).__name__}; give the name of a label space that ships, the path of a .toml file, or "
        "a reliseg.labels.LabelSpace"
    )


def options_of_dataset(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a data set, checked as those of a configuration are."""
    given = {key: value for key, value in _check_options(DataOptions, options).items() if value is not None}
    labels = given.get("labels")
    if labels is not None and not isinstance(labels, str | Path):
        raise ConfigError(
            f"labels is a {type(labels).__name__}; give the name of one that ships, or the path of a .toml file"
        )
    given |= {key: _texts(given[key]) for key in ("labels", "image", "mask") if key in given}
    checked = parse_dataset({"name": "data"} | given).model_dump()
    return {key: checked[key] for key in given} | {"root": root_from_text(checked["root"])}


def _texts(value: object) -> object:
    """Return a path, or the paths in a list, as texts."""
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def options_of_model(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a model, checked as those of a configuration are."""
    given = {key: v.tolist() if hasattr(v, "tolist") else v for key, v in _check_options(ModelOptions, options).items()}
    section = {key: value for key, value in given.items() if key in ModelConfig.model_fields}
    if isinstance(given.get("weights"), Path):
        section["weights"] = str(given["weights"])
    if given.get("align_corners") is not None:
        section["upsampling"] = {"align_corners": given["align_corners"]}
    checked = parse_model({"name": "model", "kind": "python", "where": "model"} | section)
    running: dict[str, Any] = {key: given[key] for key in ("device", "threads", "seed") if key in given}
    settings = parse_settings(running | ({"device": str(running["device"])} if "device" in running else {}))
    values = {key: getattr(checked, key) for key in section if key in _SECTIONS}
    values |= {key: getattr(settings, key) for key in running}
    return given | values | ({"weights": Path(section["weights"])} if section.get("weights") else {})


_SECTIONS = ("mean", "std", "resize", "pad", "slide", "tta")
"""Options that hold several values."""


def strings(where: str, values: object) -> list[str]:
    """Return one or more names or paths as a list; a ConfigError where something else is given."""
    items = [values] if isinstance(values, str | Path) else values
    if not isinstance(items, Iterable) or isinstance(items, bytes):
        raise ConfigError(f"{where}: give a name or a list of names, not {quoted(values)}")
    names = []
    for item in items:
        if not isinstance(item, str | Path):
            raise ConfigError(f"{where}: give a name or a list of names; {quoted(item)} is none")
        names.append(str(item))
    return names


def pools_of(pooled: object) -> dict[str, list[str]]:
    """Return the domains of each pool; a ConfigError where something else is given."""
    if pooled is not None and not isinstance(pooled, Mapping):
        raise ConfigError(f"pooled is a {type(pooled).__name__}; give the domains of each pool by its name")
    return {str(name): strings(f"pooled: {name}", domains) for name, domains in (pooled or {}).items()}


def as_text(where: str, value: object) -> str:
    """Return a path or an address as a text."""
    return value if isinstance(value, str) else str(as_path(where, value))


def as_path(where: str, value: object) -> Path:
    """Return a path; a ConfigError where this is none."""
    if not isinstance(value, str | Path):
        raise ConfigError(f"{where} is a {type(value).__name__}; give a text or a path")
    return Path(value)


def receiver_of(progress: object) -> Progress:
    """Return what receives the progress; a ConfigError where it cannot."""
    if progress is None or progress is False:
        return Silent()
    if progress is True:
        from reliseg.report.notebook.progress import shown_progress

        return shown_progress()
    if not all(callable(getattr(progress, name, None)) for name in ("begin", "advance", "note")):
        raise ConfigError(
            f"progress is {quoted(progress)}; give True, or an object with begin, advance and note, as "
            "reliseg.runtime.progress.Listener describes them, or leave it out"
        )
    return Relay(cast(Listener, progress))


def _check_options(kind: type[DataOptions] | type[ModelOptions], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options; a ConfigError where one is no field of their kind."""
    names = [f.name for f in fields(kind)]
    for key in options:
        if key not in names:
            raise ConfigError(f"unknown option {key!r}; {suggestion(key, names)}")
    return options


def check_how(workers: object, options: Mapping[str, Any]) -> None:
    """Raise a ConfigError where these are no options of how a run is carried out."""
    seconds = options.get("checkpoint")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise ConfigError(f"checkpoint is {quoted(seconds)}; give a number of seconds from 0")
    count = options.get("pictures")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000):
        raise ConfigError(f"pictures is {quoted(count)}; give a whole number from 1 to 1000, or leave it out")
    if isinstance(workers, bool) or not isinstance(workers, int | None):
        raise ConfigError(f"workers is {quoted(workers)}; give a whole number from 1")
