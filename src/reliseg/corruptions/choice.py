"""Which corruptions a text means: kinds and groups of kinds, and `fog-3`."""

from collections.abc import Iterable

from reliseg.corruptions.base import CORRUPTIONS, SEVERITIES
from reliseg.corruptions.corrupted import Corrupted
from reliseg.errors import ConfigError, suggestion
from reliseg.runtime.text_files import quoted

GROUPS = ("all", "noise", "blur", "weather", "digital")
"""Names of several published kinds: what published results are means over."""


def kinds_of_group(group: str) -> list[str]:
    """Return the published kinds of a group, in the order of their papers' tables: noise, blur, weather, digital."""
    published = [name for name in CORRUPTIONS.shipped_names() if CORRUPTIONS.get(name).published]
    families = GROUPS[1:] if group == "all" else (group,)
    return [name for family in families for name in published if CORRUPTIONS.get(name).family == family]


def in_order(kinds: Iterable[str]) -> list[str]:
    """Return kinds in the order of the papers' tables, each once; those that are in none come last, as they come."""
    published = kinds_of_group("all")
    found = list(dict.fromkeys(kinds))
    return [k for k in published if k in found] + [k for k in found if k not in published]


def chosen_kinds(names: Iterable[str]) -> list[str]:
    """Return the kinds that names of kinds and groups mean, each once; a ConfigError for an unknown one."""
    kinds: dict[str, None] = {}
    for name in names:
        if name in GROUPS:
            kinds |= dict.fromkeys(kinds_of_group(name))
        else:
            kinds[known_kind(name)] = None
    return list(kinds)


def known_kind(name: str) -> str:
    """Return the name of a kind as it is registered; a ConfigError that suggests the nearest for one that is not."""
    kind = name.replace("-", "_")
    if kind not in CORRUPTIONS.names():
        raise ConfigError(f"unknown corruption {quoted(name)}; {suggestion(kind, [*CORRUPTIONS.names(), *GROUPS])}")
    CORRUPTIONS.get(kind)
    return kind


def known_severity(severity: object) -> int:
    """Return a severity; a ConfigError for what is none."""
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise ConfigError(f"severity is {quoted(str(severity))}; give a whole number from 1 to 5")
    return int(str(severity))


def parse_corruption(text: str, seed: int) -> Corrupted:
    """Return what `KIND-SEVERITY` means, like fog-3; a ConfigError for what means nothing."""
    kind, dash, severity = text.rpartition("-")
    if not dash or not severity.isdecimal():
        raise ConfigError(f"{quoted(text)} is no corruption; write KIND-SEVERITY, like fog-3")
    return Corrupted(known_kind(kind), known_severity(int(severity)), seed)
