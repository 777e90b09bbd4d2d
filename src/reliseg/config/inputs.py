"""The sections of what a run reads: models and data sets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PositiveInt, field_validator, model_validator

from reliseg.config.scalars import AS_WRITTEN
from reliseg.config.sections import (
    Section,
    absolute_folder,
    absolute_path,
    address,
    known_name,
    name_or_path,
    path,
    plain_name,
)
from reliseg.errors import suggestion
from reliseg.models import MODELS, Augmented, FitWithin, Interpolation, MaskOrder, Pad, Precision, Slide, Values

IN_MEMORY = "object"
"""The `kind` of a model and the `spec` of a data set that were objects in Python, which no file can give back."""
ENSEMBLE = "ensemble"
"""The `kind` of a model that other models of the configuration make up."""
_OF_INFERENCE = ("members", "interpolation", "pad", "slide", "tta", "mc_dropout", "masks")
Domain: TypeAlias = dict[str, str | list[str] | dict[str, Any]]
"""The conditions of a domain: names, and the parameters of `augment`."""


class UpsamplingConfig(Section):
    """The bilinear interpolation of a model's logits to the size of the image; `align_corners` as torch defines it."""

    align_corners: bool = False


class ModelConfig(Section):
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

    _check_paths = field_validator("where", "weights", "labels")(path)

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
        return value if value == IN_MEMORY else known_name(value, MODELS.names(), "model kind")

    @field_validator("output", mode="before")
    @classmethod
    def _index_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def absolute(self, folder: Path) -> "ModelConfig":
        """Return the section with absolute paths; `folder` is where its relative ones start."""
        return self.model_copy(
            update={
                "where": self.where and absolute_path(self.where, folder, has_function=self.kind == "python"),
                "weights": self.weights and absolute_path(self.weights, folder),
                "labels": self.labels and name_or_path(self.labels, folder),
            }
        )


class DataConfig(Section):
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

    _check_paths = field_validator("spec", "root", "labels", "listing")(path)
    _check_addresses = field_validator("root", "listing")(address)

    def absolute(self, folder: Path) -> "DataConfig":
        """Return the section with absolute paths; `folder` is where its relative ones start."""
        return self.model_copy(
            update={
                "root": absolute_folder(self.root, folder),
                "listing": self.listing and absolute_folder(self.listing, folder),
                "spec": name_or_path(self.spec, folder),
                "labels": self.labels and name_or_path(self.labels, folder),
                "projection": {name_or_path(source, folder): groups for source, groups in self.projection.items()},
            }
        )


def check_members(ensemble: ModelConfig, kinds: Mapping[str, str]) -> None:
    """Raise a ValueError unless members are other models of the configuration, each once, and no ensembles."""
    for member in ensemble.members:
        if ensemble.members.count(member) > 1:
            raise ValueError(f"ensemble {ensemble.name} names {member!r} twice; name each member once")
        if member not in kinds:
            raise ValueError(f"ensemble {ensemble.name}: no model is named {member!r}; {suggestion(member, kinds)}")
        if kinds[member] == ENSEMBLE:
            raise ValueError(f"ensemble {ensemble.name}: {member} is one itself; name its members")
