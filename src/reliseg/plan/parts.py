"""The work of a plan in units, and units in parts: the same ones everywhere, whatever is stored."""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal, TypeAlias, get_args

from reliseg.errors import ConfigError, count_text
from reliseg.plan.plan import Fit, Plan, Reported, Target
from reliseg.plan.shards import Shard, shards
from reliseg.plan.together import measured_together
from reliseg.runtime.text_files import quoted

Stage: TypeAlias = Literal["sample", "fit", "evaluate", "measure"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In their order: each reads what those before have written."""
Per: TypeAlias = Literal["shard", "scene", "domain", "model"]


@dataclass(frozen=True)
class Unit:
    """The least that a process can do of one model: a shard, a fit, or numbers of a domain under some calibrations."""

    model: str
    target: Target | None = None
    shard: Shard | None = None
    fit: Fit | None = None
    reported: Reported | None = None
    calibrations: tuple[str, ...] = ()
    """Those that are measured."""

    @property
    def images(self) -> int:
        """How much work it is."""
        if self.reported:
            return len(self.calibrations) * sum(len(m.domain.samples) for m in self.reported.members())
        return len(self.shard.samples) if self.shard else 1

    @property
    def place(self) -> str:
        """The name of its domain, or of the split that is fitted on."""
        return self.fit.split if self.fit else str(self.reported or self.target)


@dataclass(frozen=True)
class Part:
    """The part of this number, from 1, of so many: of equal size, or one for each of what `per` says."""

    number: int = 1
    of: int = 1
    per: Per | None = None

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def units(plan: Plan, stage: Stage) -> list[Unit]:
    """Return the units of a stage, in the order of the plan."""
    names = [source.name for source in plan.models]
    fits = [fit for fit in plan.fits if fit.calibrations()]
    cut = cache(lambda target: tuple(shards(target)))
    if stage == "sample":
        members = list(dict.fromkeys(member for fit in fits for member in fit.read()))
        return [Unit(name, member, shard) for name in names for member in members for shard in cut(member)]
    if stage == "fit":
        return [Unit(name, fit=fit) for name in names for fit in fits]
    if stage == "evaluate":
        return [Unit(name, target, shard) for name in names for target, _ in plan.passes(name) for shard in cut(target)]
    together = {name: measured_together(plan, name) for name in names}
    return [Unit(name, reported=what, calibrations=under) for name in names for what, under in together[name]]


def parts(every: Sequence[Unit], per: Per | int) -> list[list[Unit]]:
    """Return all parts: one for each shard, scene, domain or model, or so many of about as many images."""
    return _equal(every, per) if isinstance(per, int) else list(_grouped(every, _KEYS[per]))


def part_of(every: Sequence[Unit], part: Part) -> list[Unit]:
    """Return the units of a part; a ConfigError where there are not so many parts as it says."""
    found = parts(every, part.per or part.of)
    if len(found) != part.of:
        raise ConfigError(
            f"--part {part}: the configuration has {count_text(len(found), 'part')} per {part.per}; "
            "print the commands again with reliseg plan"
        )
    return found[part.number - 1]


def parse_part(text: str, per: Per | None = None) -> Part:
    """Return the part that a text like `3/40` names; a ConfigError where it names none."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not match:
        raise ConfigError(f"--part {quoted(text)}: give it as K/N, like 3/40")
    number, of = int(match[1]), int(match[2])
    if not 1 <= number <= of:
        raise ConfigError(f"--part {text}: K goes from 1 to N; give one like 3/40")
    return Part(number, of, per)


_KEYS: Mapping[Per, Callable[[Unit], Hashable]] = {
    "shard": lambda unit: (unit.model, unit.place, unit.shard, unit.fit),
    "scene": lambda unit: (unit.model, unit.place, unit.shard.scene if unit.shard else unit.fit),
    "domain": lambda unit: (unit.model, unit.place, unit.fit),
    "model": lambda unit: unit.model,
}


def _grouped(every: Sequence[Unit], key: Callable[[Unit], Hashable]) -> Iterator[list[Unit]]:
    groups: dict[Hashable, list[Unit]] = {}
    for unit in every:
        groups.setdefault(key(unit), []).append(unit)
    yield from groups.values()


def _equal(every: Sequence[Unit], number: int) -> list[list[Unit]]:
    """Return neighbours together: a unit belongs to the part in which the middle of its images lies."""
    total = sum(unit.images for unit in every)
    found: list[list[Unit]] = [[] for _ in range(number)]
    ends = accumulate(unit.images for unit in every)
    for unit, end in zip(every, ends, strict=True):
        middle = 2 * end - unit.images  # in halves of an image
        found[middle * number // (2 * total)].append(unit)
    return found
