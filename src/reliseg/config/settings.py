"""The settings of a run: everything but its models, its data and what is asked of them."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import Field, PositiveInt, field_validator, model_validator

from reliseg.config.sections import Section, known_name
from reliseg.errors import ConfigError
from reliseg.metrics import METRICS
from reliseg.registry import Registry
from reliseg.runtime.text_files import quoted
from reliseg.scores import SCORES
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

T = TypeVar("T")
_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]+)?")


class SampleConfig(Section):
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


class Settings(Section):
    """The settings of a run: everything but its models and its data."""

    scores: list[str] = Field(default_factory=lambda: list(BUILT_IN_SCORES))
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
        names = [known_name(v, SCORES.names(), "score") for v in value]
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
    return known_name(name, ["all", *names], "metric family")


def _load(registry: Registry[T], name: str) -> type[T]:
    """Return an implementation; a ValueError, which names the place in the file, where it is a broken plug-in."""
    try:
        return registry.get(name)
    except ConfigError as error:
        raise ValueError(str(error)) from error
