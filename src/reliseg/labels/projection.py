"""Projections: a model's classes -> a data set's classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from reliseg.errors import ConfigError
from reliseg.labels.space import LabelSpace, label_space
from reliseg.registry import shipped_files
from reliseg.runtime.toml_files import read_toml

OTHER = -1
"""Where a model class goes that the data set does not have: it keeps its probability, and winning is wrong."""


@dataclass(frozen=True)
class Projection:
    """`groups[m]` is the data set's class of model class m, or -1 (`other`).

    Probabilities that meet are added: `logit_g = logsumexp of its members`, at full resolution, before
    calibration.
    """

    source: str
    target: LabelSpace
    groups: tuple[int, ...]

    @classmethod
    def of(cls, source: LabelSpace, target: LabelSpace, groups: Sequence[int]) -> "Projection":
        """Return the projection of these groups: one per model class, each an id of the target or -1, not all -1."""
        where = f"projection {source.name} -> {target.name}"
        if len(groups) != len(source):
            raise ConfigError(
                f"{where}: {len(groups)} entries for the {len(source)} classes of {source.name}; give one for each"
            )
        wrong = [g for g in groups if not OTHER <= g < len(target)]
        if wrong:
            raise ConfigError(f"{where}: {wrong[0]} is neither -1 nor an id of {target.name} (0 to {len(target) - 1})")
        if all(g == OTHER for g in groups):
            raise ConfigError(f"{where}: no class of {source.name} is mapped to a class of {target.name}")
        return cls(source.name, target, tuple(int(g) for g in groups))

    @property
    def is_identity(self) -> bool:
        """True if it changes nothing."""
        return self.groups == tuple(range(len(self.target)))

    @property
    def unreachable(self) -> tuple[int, ...]:
        """Classes of the data set that no model class goes to: the model gives them probability 0."""
        return tuple(g for g in range(len(self.target)) if g not in self.groups)


_Classes: TypeAlias = tuple[str, ...]


@cache
def _shipped_projections() -> dict[tuple[_Classes, _Classes], tuple[int, ...]]:
    """Return the shipped groups by the classes of both sides: a user's own file may have the name of one that ships."""
    projections = {}
    for path in shipped_files("reliseg.labels", "projections/*.toml").values():
        table = read_toml(path, "projection")
        source, target = label_space(table["source"]), label_space(table["target"])
        projections[source.classes, target.classes] = tuple(table["groups"])
    return projections


def default_projection(source: LabelSpace, target: LabelSpace) -> Projection:
    """Return the identity if class names agree, else the shipped projection; a ConfigError if none is known."""
    if source.classes == target.classes:
        return Projection(source.name, target, tuple(range(len(target))))
    groups = _shipped_projections().get((source.classes, target.classes))
    if groups is None:
        raise ConfigError(
            f"no projection from the model's classes ({source.name}) to the data set's ({target.name}) is known; "
            f"give the data set projection: {{{source.name}: [..{len(source)} ids of {target.name} or -1..]}}"
        )
    return Projection.of(source, target, groups)
