"""The configuration of a run: read, checked, and written back with every default."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from reliseg.calibration import canonical_text
from reliseg.config.messages import Place, place_in_file, place_text, validation_message
from reliseg.config.scalars import AS_WRITTEN, read_as
from reliseg.config.yaml_files import read_yaml, render_yaml
from reliseg.corruptions import SEVERITIES, chosen_kinds, known_severity
from reliseg.errors import ConfigError, suggestion
from reliseg.metrics import METRICS
from reliseg.models import MODELS, Augmented, FitWithin, Interpolation, MaskOrder, Pad, Precision, Slide, Values
from reliseg.registry import Registry
from reliseg.remote import Address, is_address
from reliseg.runtime.file_names import NAME_BYTES, PATH_BYTES, name_bytes, plain_name_problem
from reliseg.runtime.text_files import quoted
from reliseg.scores import SCORES
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)
IN_MEMORY = "object"
"""The `kind` of a model and the `spec` of a data set that were objects in Python, which no file can give back."""
ENSEMBLE = "ensemble"
"""The `kind` of a model that other models of the configuration make up."""
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_OF_INFERENCE = ("members", "interpolation", "pad", "slide", "tta", "mc_dropout", "masks")
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]+)?")


Domain: TypeAlias = dict[str, str | list[str] | dict[str, Any]]
"""The conditions of a domain: names, and the parameters of `augment`."""


def plain_name(value: str) -> str:
    """Return the name, if it can be a folder on any system; else raise a ValueError."""
    if problem := plain_name_problem(value):
        raise ValueError(f"{quoted(value)} {problem}")
    return value


def _path(value: str | None) -> str | None:
    """Return a text that may be a path; a ValueError where no file can have it."""
    if value is None:
        return None
    for part in value.split("/"):
        if name_bytes(part) > NAME_BYTES:
            raise ValueError(f"{quoted(part)} has {name_bytes(part)} bytes, and the limit is {NAME_BYTES}; correct it")
    if name_bytes(value) > PATH_BYTES:
        raise ValueError(f"a path of {name_bytes(value)} bytes, and the limit is {PATH_BYTES}; shorten it")
    try:
        Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"no home folder is known for {quoted(value)}; write the whole path") from error
    return value


def _address(value: str | None) -> str | None:
    """Return a text that may be an address; a ValueError where it begins like one, and is none."""
    if value is not None and is_address(value):
        try:
            Address.of(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    written_if_used: ClassVar[tuple[str, ...]] = ()
    """Keys that are written out only where they say something: configurations without them stay what they were."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        names = {key: field.alias or key for key, field in type(self).model_fields.items()}
        return {names[key]: value for key, value in content.items() if value or key not in self.written_if_used}

    @model_validator(mode="before")
    @classmethod
    def _read_scalars(cls, content: Any) -> Any:
        """Return the content with each scalar as the annotation of its place reads it."""
        if not isinstance(content, Mapping):
            return content
        read = {}
        known = {field.alias or key: field for key, field in cls.model_fields.items()}
        for key, value in content.items():
            field = known.get(key)
            try:
                read[key] = value if field is None else read_as(value, field.annotation)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        return read


class UpsamplingConfig(_Section):
    """The bilinear interpolation of a model's logits to the size of the image; `align_corners` as torch defines it."""

    align_corners: bool = False


class ModelConfig(_Section):
    """One model."""

    written_if_used = _OF_INFERENCE
    name: str
    kind: str
    where: str = ""
    members: list[str] = Field(default_factory=list)
    weights: str | None = None
    key: str | None = None
    output: str | None = None
    labels: str | None = None
    values: Values | None = None
    upsampling: UpsamplingConfig | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    resize: Literal["processor", "none"] | tuple[PositiveInt, PositiveInt] | FitWithin | None = None
    interpolation: Interpolation | None = None
    pad: Pad | None = None
    slide: Literal["none"] | Slide | None = None
    tta: Augmented | None = None
    mc_dropout: int | None = Field(default=None, ge=2, le=1000)
    masks: MaskOrder | None = None
    feature: str | None = None
    precision: Precision = "float32"
    args: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        return plain_name(value)

    _check_paths = field_validator("where", "weights", "labels")(_path)

    @model_validator(mode="after")
    def _check_source(self) -> "ModelConfig":
        if self.kind == ENSEMBLE:
            if self.where or len(self.members) < 2:
                raise ValueError("an ensemble needs members, the names of two models or more, and no where")
        elif not self.where:
            raise ValueError("where is missing")
        elif self.members:
            raise ValueError(f"members applies only to kind: {ENSEMBLE}; leave it out")
        return self

    @field_validator("kind")
    @classmethod
    def _check_kind(cls, value: str) -> str:
        return value if value == IN_MEMORY else _known_name(value, MODELS.names(), "model kind")

    @field_validator("output", mode="before")
    @classmethod
    def _index_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def absolute(self, folder: Path) -> "ModelConfig":
        """Return the section with absolute paths; `folder` is where its relative ones start."""
        return self.model_copy(
            update={
                "where": self.where and _absolute_path(self.where, folder, has_function=self.kind == "python"),
                "weights": self.weights and _absolute_path(self.weights, folder),
                "labels": self.labels and _name_or_path(self.labels, folder),
            }
        )


class DataConfig(_Section):
    """One data set: a spec, its root, and the domains to report.

    `resize` is the size at which models that have none of their own get its images; predictions are those of the image.
    `listing` is a file of the paths below a root outside this machine.
    """

    written_if_used = ("resize", "listing")
    name: str
    spec: str
    root: str
    labels: str | None = None
    label_map: dict[str, Annotated[Any, AS_WRITTEN]] | None = None
    projection: dict[str, list[int]] = Field(default_factory=dict)
    domains: dict[str, Domain | None] | None = None
    image: str | list[str] | None = None
    mask: str | list[str] | None = None
    missing: Literal["error", "skip"] = "error"
    unlisted: Literal["error", "void"] | None = None
    annotations: Literal["required", "none"] = "required"
    resize: tuple[PositiveInt, PositiveInt] | FitWithin | None = None
    listing: str | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        return plain_name(value)

    _check_paths = field_validator("spec", "root", "labels", "listing")(_path)
    _check_addresses = field_validator("root", "listing")(_address)

    def absolute(self, folder: Path) -> "DataConfig":
        """Return the section with absolute paths; `folder` is where its relative ones start."""
        return self.model_copy(
            update={
                "root": _absolute_folder(self.root, folder),
                "listing": self.listing and _absolute_folder(self.listing, folder),
                "spec": _name_or_path(self.spec, folder),
                "labels": self.labels and _name_or_path(self.labels, folder),
                "projection": {_name_or_path(source, folder): groups for source, groups in self.projection.items()},
            }
        )


class CalibrationConfig(_Section):
    """Methods and the domains that they are fitted on together; or fitted calibrations that are loaded.

    `apply` names the tested domains that they are applied to; None is all of the same classes.
    """

    written_if_used = ("apply",)
    on: list[str] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)
    load: str | None = None
    apply: list[str] | None = Field(default=None, min_length=1)

    _check_paths = field_validator("load")(_path)
    _check_addresses = field_validator("load")(_address)

    @field_validator("methods")
    @classmethod
    def _check_methods(cls, value: list[str]) -> list[str]:
        try:
            return [canonical_text(v) for v in value]
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _check_source(self) -> "CalibrationConfig":
        if (self.load is None) != bool(self.on and self.methods) or (self.load and (self.on or self.methods)):
            raise ValueError("give on: and methods:, or only load:")
        return self

    def absolute(self, folder: Path) -> "CalibrationConfig":
        """Return the section with absolute paths; `folder` is where its relative ones start."""
        return self.model_copy(update={"load": self.load and _absolute_path(self.load, folder)})


class TestConfig(_Section):
    """The domains to report; all that no calibration is fitted on, by default. `reference` is the in-domain one.

    `allow_seen` names domains that may hold samples which a calibration was fitted on: their numbers flatter it.
    `pooled` names domains of any data sets that are reported together, beside each.
    """

    __test__ = False
    written_if_used = ("pooled",)
    on: list[str] | None = Field(default=None, min_length=1)
    reference: str | None = None
    allow_seen: list[str] = Field(default_factory=list)
    pooled: dict[str, list[str]] = Field(default_factory=dict)

    @field_validator("pooled")
    @classmethod
    def _check_pooled(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, domains in value.items():
            plain_name(name)
            if not domains:
                raise ValueError(f"{quoted(name)} names no domain; name several")
        return value


class CorruptConfig(_Section):
    """Corrupted copies of domains, which are tested beside the others: every kind at every severity.

    `kinds` are names of kinds and groups of them (all, noise, blur, weather, digital).
    """

    of: str
    kinds: list[str] = Field(default=["all"], min_length=1, validate_default=True)
    severities: list[int] = Field(default=list(SEVERITIES), min_length=1)

    @field_validator("kinds", mode="before")
    @classmethod
    def _one_as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("kinds")
    @classmethod
    def _check_kinds(cls, value: list[str]) -> list[str]:
        try:
            return chosen_kinds(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @field_validator("severities")
    @classmethod
    def _check_severities(cls, value: list[int]) -> list[int]:
        try:
            return [known_severity(severity) for severity in dict.fromkeys(value)]
        except ConfigError as error:
            raise ValueError(str(error)) from error


class _PromiseConfig(_Section):
    """A promise, and what it rests on."""

    risk: float = Field(gt=0, lt=1)
    on: list[str] = Field(default_factory=list)
    confidence: float | None = Field(default=None, gt=0, lt=1)

    @field_validator("on", mode="before")
    @classmethod
    def _one_as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class AcceptConfig(_PromiseConfig):
    """A promise: pixels are accepted so that at most this share of an image is accepted and wrong, on average.

    The threshold is chosen on the domains in `on`; without them, on half of the images of each calibration split, which
    no calibration is fitted on then. With `confidence` the promise holds for that share of the draws of those images,
    else in expectation. Of a `class`, the share of its pixels that are accepted as something else.
    """

    written_if_used = ("on", "confidence", "class_")
    class_: str = Field(default="", alias="class")


class SetsConfig(_PromiseConfig):
    """A promise of sets of classes: at most this share of an image's pixels is of a class that is not in its set.

    A set holds the predicted class, and each class with a probability that is large enough; `on` and `confidence` are
    as in `accept`.
    """

    written_if_used = ("on", "confidence")


class ProtocolConfig(_Section):
    """The protocol that the configuration was written out from; results say what was changed since.

    `reading` is one of those of the protocol, if it has some; by default the first.
    """

    written_if_used = ("reading",)
    name: str
    version: int = Field(ge=1)
    reading: str | None = None


class SampleConfig(_Section):
    """The number of pixels that a calibration is fitted on: per image, and at most in all.

    `per_image: all` is every counted pixel of every image, if no cap is given with it.
    """

    per_image: PositiveInt | Literal["all"] = 20_000
    cap: PositiveInt | Literal["all"] = 10_000_000

    @model_validator(mode="before")
    @classmethod
    def _no_cap_for_all(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("per_image") == "all":
            return {"cap": "all", **value}
        return value

    def quota(self, images: int) -> int:
        """Return how many pixels of each of so many images are used at most."""
        limits = [sys.maxsize if self.per_image == "all" else self.per_image]
        if self.cap != "all":
            limits.append(self.cap // images)
        return max(1, min(limits))


class Settings(_Section):
    """The settings of a run: everything but its models and its data."""

    scores: list[str] = list(BUILT_IN_SCORES)
    metrics: list[str] = Field(default_factory=lambda: ["all"], validate_default=True, min_length=1)
    sample: SampleConfig = SampleConfig()
    seed: int = Field(default=0, ge=0, lt=1 << 63)
    device: str = "auto"
    threads: int = Field(default=2, ge=1, le=1024)
    batch: int = Field(default=1, ge=1, le=4096)
    limit: int | None = Field(default=None, ge=1)

    @field_validator("device")
    @classmethod
    def _check_device(cls, value: str) -> str:
        if not _DEVICE.fullmatch(value):
            raise ValueError(f"unknown device {quoted(value)}; give auto, cpu, cuda or cuda:0, cuda:1 ..")
        return value

    @field_validator("scores")
    @classmethod
    def _check_scores(cls, value: list[str]) -> list[str]:
        names = [_known_name(v, SCORES.names(), "score") for v in value]
        for name in names:
            _load(SCORES, name)
        return list(dict.fromkeys(["msp", *names] if "msp" not in names else names))

    @field_validator("metrics", mode="before")
    @classmethod
    def _all_for_none(cls, value: Any) -> Any:
        return ["all"] if value is None else value

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: list[str]) -> list[str]:
        """Return the families, each once; `all` is written out as those that are measured by default."""
        names = [_family(v) for v in value]
        families = dict.fromkeys(f for name in names for f in (_default_families() if name == "all" else [name]))
        for name in families:
            _load(METRICS, name)
        return list(families)


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
            _check_members(model, kinds)
        return self

    @property
    def promises(self) -> "list[AcceptConfig | SetsConfig]":
        """All promises that are asked for."""
        return [*self.accept, *self.sets]


def _check_members(ensemble: ModelConfig, kinds: Mapping[str, str]) -> None:
    """Raise a ValueError unless members are other models of the configuration, each once, and no ensembles."""
    for member in ensemble.members:
        if ensemble.members.count(member) > 1:
            raise ValueError(f"ensemble {ensemble.name} names {member!r} twice; name each member once")
        if member not in kinds:
            raise ValueError(f"ensemble {ensemble.name}: no model is named {member!r}; {suggestion(member, kinds)}")
        if kinds[member] == ENSEMBLE:
            raise ValueError(f"ensemble {ensemble.name}: {member} is one itself; name its members")


def _known_name(value: str, names: list[str], kind: str) -> str:
    canonical = value.replace("-", "_")
    if canonical not in names:
        raise ValueError(f"unknown {kind} {quoted(value)}; {suggestion(canonical, names)}")
    return canonical


def _load(registry: Registry[T], name: str) -> type[T]:
    """Return an implementation; a ValueError, which names the place in the file, where it is a broken plug-in."""
    try:
        return registry.get(name)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def left_out_families(settings: Settings) -> list[str]:
    """Return a line for each plug-in that `all` metrics leave out because it is broken."""
    if any(METRICS.get(f).by_default and f not in settings.metrics for f in METRICS.shipped_names()):
        return []  # not all: no plug-in is imported that the run does not name
    return [f"without the metric {name!r} {fault}" for name, fault in METRICS.faults.items()]


def _default_families() -> list[str]:
    """Return the families that are measured where none is named; a plug-in that is broken is left out."""
    faults = METRICS.faults
    return [f for f in METRICS.names() if f not in faults and METRICS.get(f).by_default]


def _family(name: str) -> str:
    """Return the name of a family, or `all`; a ValueError that names the family where it is a number of one."""
    names = METRICS.names()
    if name.replace("-", "_") not in ("all", *names):
        faults = METRICS.faults
        for family in names:
            if family not in faults and name in METRICS.get(family)().quantities():
                raise ValueError(f"{quoted(name)} is one number of the family {family!r}; write the family")
    return _known_name(name, ["all", *names], "metric family")


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
    sections: dict[str, list[_Section]] = {
        "models": [model.absolute(folder) for model in config.models],
        "datasets": [dataset.absolute(folder) for dataset in config.datasets],
        "calibration": [calibration.absolute(folder) for calibration in config.calibration],
    }
    return render_yaml(config.model_copy(update=sections).model_dump())


def _name_or_path(text: str, folder: Path) -> str:
    """Return the path of a .toml file as an absolute one; else a name that ships, though a folder may be called so."""
    return _absolute_path(text, folder) if text.endswith(".toml") else text


def _absolute_folder(text: str, folder: Path) -> str:
    """Return an address as it is, and a path as an absolute one."""
    return text if is_address(text) else str((folder / Path(text).expanduser()).resolve())


def _absolute_path(text: str, folder: Path, has_function: bool = False) -> str:
    """Return a path that exists as an absolute one; anything else (a name, a hub id, a module) as it is."""
    name, separator, function = text.rpartition(":") if has_function and ":" in text else (text, "", "")
    path = folder / Path(name).expanduser()
    return f"{path.resolve()}{separator}{function}" if path.exists() else text


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
