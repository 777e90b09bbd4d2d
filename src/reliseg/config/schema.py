"""The configuration of a run: read, checked, and written back with every default."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from reliseg.config.inputs import DataConfig, ModelConfig, check_members
from reliseg.config.messages import Place, place_in_file, place_text, validation_message
from reliseg.config.requests import (
    AcceptConfig,
    CalibrationConfig,
    CorruptConfig,
    ProtocolConfig,
    SetsConfig,
    TestConfig,
)
from reliseg.config.sections import Section
from reliseg.config.settings import Settings
from reliseg.config.yaml_files import read_yaml, render_yaml
from reliseg.errors import ConfigError, suggestion
from reliseg.runtime.text_files import quoted

S = TypeVar("S", bound=BaseModel)
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


class RunConfig(Settings):
    """A whole run."""

    written_if_used = ("corrupt", "accept", "sets")
    models: list[ModelConfig] = Field(min_length=1)
    datasets: list[DataConfig] = Field(min_length=1)
    calibration: list[CalibrationConfig] = Field(default_factory=list)
    test: TestConfig = TestConfig()
    corrupt: list[CorruptConfig] = Field(default_factory=list)
    accept: list[AcceptConfig] = Field(default_factory=list)
    sets: list[SetsConfig] = Field(default_factory=list)
    protocol: ProtocolConfig | None = None

    @field_validator("corrupt", "accept", "sets", mode="before")
    @classmethod
    def _one_section_as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _check_names(self) -> "RunConfig":
        for kind, names in (
            ("models", [m.name for m in self.models]),
            ("data sets", [d.name for d in self.datasets]),
        ):
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"two {kind} are named {sorted(twice)[0]!r}; give each its own name")
        kinds = {model.name: model.kind for model in self.models}
        for model in self.models:
            check_members(model, kinds)
        return self

    @property
    def promises(self) -> "list[AcceptConfig | SetsConfig]":
        """All promises that are asked for."""
        return [*self.accept, *self.sets]


def read_config(path: Path) -> RunConfig:
    """Read the configuration in a YAML file; a ConfigError that names file and place where it is wrong."""
    return parse_config(read_yaml(path), where=str(path))


def parse_config(content: Mapping[str, Any], *, where: str = "configuration") -> RunConfig:
    """Check the content of a configuration; a ConfigError says the first thing wrong in one line."""
    return _parse(RunConfig, content, where)


def parse_model(content: Mapping[str, Any]) -> ModelConfig:
    """Check the section of one model; a ConfigError says the first thing wrong in one line."""
    return _parse(ModelConfig, content, "model")


def parse_dataset(content: Mapping[str, Any]) -> DataConfig:
    """Check the section of one data set; a ConfigError says the first thing wrong in one line."""
    return _parse(DataConfig, content, "data set")


def parse_settings(content: Mapping[str, Any], *, where: str = "settings") -> Settings:
    """Check settings; a ConfigError says the first thing wrong in one line."""
    return _parse(Settings, content, where)


def _parse(section: type[S], content: Mapping[str, Any], where: str) -> S:
    try:
        return section.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_problem(error, content, section)}") from error


def render_config(config: RunConfig, folder: Path) -> str:
    """Return the configuration as YAML with every default written out and every path absolute.

    `folder` is where its relative paths start: the result can be run again from anywhere.
    """
    sections: dict[str, list[Section]] = {
        "models": [model.absolute(folder) for model in config.models],
        "datasets": [dataset.absolute(folder) for dataset in config.datasets],
        "calibration": [calibration.absolute(folder) for calibration in config.calibration],
    }
    return render_yaml(config.model_copy(update=sections).model_dump())


def _first_problem(error: ValidationError, content: object, section: type[BaseModel]) -> str:
    # A misspelt key also makes the right one missing: say the former.
    errors = sorted(error.errors(), key=lambda e: e["type"] not in _UNKNOWN_KEY)
    if errors[0]["type"] in _UNKNOWN_KEY:
        *way, key = place_in_file(errors[0], content)
        known = suggestion(str(key), _keys(tuple(way), section))
        return f"unknown key {quoted(str(key))} at {place_text((*way, key))}; {known}"
    return validation_message(errors, content)


def _keys(place: Place, section: type[Any]) -> list[str]:
    """Return the keys that are known at a place of the file."""
    for key in place:
        kinds = _kinds(section)
        section = next(_sections(kinds.get(str(key))), section)
    return list(_kinds(section))


def _kinds(section: type[Any]) -> dict[str, Any]:
    """Return the annotations of a section's keys."""
    if is_dataclass(section):
        return {field.name: field.type for field in fields(section)}
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _sections(annotation: Any) -> Iterator[type[Any]]:
    """Yield the sections in an annotation such as `list[ModelConfig]`."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections(argument)
