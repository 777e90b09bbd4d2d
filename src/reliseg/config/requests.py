"""The sections of what is asked of a run: calibrations, tests, corruptions, promises; and the protocol it came from."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from reliseg.calibration import canonical_text
from reliseg.config.sections import Section, absolute_path, address, path, plain_name
from reliseg.corruptions import SEVERITIES, chosen_kinds, known_severity
from reliseg.errors import ConfigError
from reliseg.runtime.text_files import quoted


class CalibrationConfig(Section):
    """Methods and the domains that they are fitted on together; or fitted calibrations that are loaded.

    `apply` names the tested domains that they are applied to; None is all of the same classes.
    """

    written_if_used = ("apply",)
    on: list[str] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)
    load: str | None = None
    apply: list[str] | None = Field(default=None, min_length=1)

    _check_paths = field_validator("load")(path)
    _check_addresses = field_validator("load")(address)

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
        return self.model_copy(update={"load": self.load and absolute_path(self.load, folder)})


class TestConfig(Section):
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


class CorruptConfig(Section):
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


class _PromiseConfig(Section):
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


class ProtocolConfig(Section):
    """The protocol that the configuration was written out from; results say what was changed since.

    `reading` is one of those of the protocol, if it has some; by default the first.
    """

    written_if_used = ("reading",)
    name: str
    version: int = Field(ge=1)
    reading: str | None = None
