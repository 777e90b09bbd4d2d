"""Print what extras of this package need, a requirement a line, so that it can be installed before the package is.

Usage: python tools/requirements.py EXTRA.. | pip install -r /dev/stdin (no EXTRA: what the package needs itself)
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(project: Mapping[str, Any], extras: Iterable[str]) -> list[str]:
    """Return the requirements of a table [project] and of these extras, each once; raise KeyError if it lacks one."""
    return list(dict.fromkeys([*project["dependencies"], *(r for extra in extras for r in _of_extra(project, extra))]))


def _of_extra(project: Mapping[str, Any], extra: str) -> Iterator[str]:
    """Yield the requirements of an extra and of the extras that it names."""
    for requirement in project["optional-dependencies"][extra]:
        if named := re.fullmatch(rf"{re.escape(project['name'])}\[(.+)\]", requirement):
            for other in named[1].split(","):
                yield from _of_extra(project, other.strip())
        else:
            yield requirement


if __name__ == "__main__":
    print(*requirements(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"], sys.argv[1:]), sep="\n")
