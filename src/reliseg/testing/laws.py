"""How a plug-in is held to a law: an AssertionError names the plug-in, the law, and what was seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

import numpy as np

from reliseg.errors import error_text


@dataclass(frozen=True)
class Examiner:
    """Holds one plug-in to laws; `plugin` is what messages call it."""

    plugin: str

    def require(self, holds: bool | np.bool_, law: str, seen: object) -> None:
        """Raise an AssertionError where a law does not hold."""
        if not holds:
            raise AssertionError(f"{self.plugin}: {law}; {seen}")

    @contextmanager
    def calling(self, call: str, case: str) -> Iterator[None]:
        """Turn whatever a call of the plug-in raises into an AssertionError that says which call it was."""
        try:
            yield
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"{self.plugin}: {call} raises no error on {case}; it raised {error_text(error)}"
            ) from error

    def require_equal(self, first: object, second: object, law: str, case: str) -> None:
        """Require two things to be written alike: NaN is NaN, and -0.0 is not 0.0."""
        self.require(repr(first) == repr(second), law, f"on {case}: {first!r}, then {second!r}")


def check_specification(examiner: Examiner, plugin: Any, interface: type) -> None:
    """Require a frozen dataclass of the interface whose parameters all have defaults."""
    examiner.require(
        isinstance(plugin, interface),
        f"it is an object of a subclass of {interface.__name__}",
        f"its type is {type(plugin).__name__}",
    )
    decoration = vars(type(plugin)).get("__dataclass_params__")
    examiner.require(
        decoration is not None and decoration.frozen,
        "its class is decorated with @dataclass(frozen=True)",
        "without that its parameters can change, and are not compared",
    )
    required = [f.name for f in fields(plugin) if f.default is MISSING and f.default_factory is MISSING]
    examiner.require(not required, "its class can be called without arguments", f"no default: {', '.join(required)}")
    with examiner.calling("hash", "the object"):
        alike = replace(plugin) == plugin and hash(replace(plugin)) == hash(plugin)
    examiner.require(alike, "an object with the same parameters is equal to it", "a copy is not")
