"""Samples that cannot be evaluated: said by reason, and a pass is stopped where its first ones all fail for one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from reliseg.errors import ConfigError, SampleError, count_text, shortlist
from reliseg.runtime.text_files import quoted

OnError: TypeAlias = Literal["stop", "skip"]
"""What an image that cannot be evaluated does to its domain: it has no results, or those of the other images."""
FIRST = 8
"""If so many samples fail for one reason before any other outcome, the next ones will too."""
_MAX_REASONS = 4
_PATH = re.compile(r"\S*[/\\]\S*")
_NUMBER = re.compile(r"\d+(\.\d+)?")


def check_on_error(on_error: object) -> None:
    """Raise a ConfigError where this is none of the ways to go on."""
    if on_error not in get_args(OnError):
        raise ConfigError(f"on_error is {quoted(on_error)}; give stop or skip")


@dataclass(frozen=True)
class Failures:
    """Why samples could not be evaluated, by id; `untried` are those that a pass was stopped before."""

    problems: Mapping[str, str] = field(default_factory=dict)
    untried: int = 0

    def __bool__(self) -> bool:
        return bool(self.problems)

    def __add__(self, other: "Failures") -> "Failures":
        return Failures({**self.problems, **other.problems}, self.untried + other.untried)

    def __str__(self) -> str:
        """Return each reason once, with up to three of its samples."""
        reasons = shortlist(reason_lines(self.problems), _MAX_REASONS, separator="; ")
        tried = len(self.problems)
        if self.untried:
            return f"stopped, because the first {tried} of {tried + self.untried} samples all failed ({reasons})"
        return f"could not evaluate {count_text(tried, 'sample')} ({reasons})"


class Attempts:
    """The outcomes of one pass, in their order; `note` tells the user of failures.

    As long as all samples fail for one reason, nothing is noted: the end of the run says it once. `is_new` is False
    where samples of the domain were evaluated before: then others can be, whatever the first ones say.
    """

    def __init__(self, note: Callable[[str], None], *, is_new: bool = True) -> None:
        self._note = note
        self._alike = is_new
        self._held: list[SampleError] = []
        self._problems: dict[str, str] = {}

    def fail(self, error: SampleError) -> None:
        """Add a sample that failed."""
        self._problems[error.sample] = error.problem
        self._held.append(error)
        if self._alike and reason(error.sample, error.problem) == reason(self._held[0].sample, self._held[0].problem):
            return
        self._tell()

    def succeed(self) -> None:
        """Add a sample that was evaluated."""
        if self._alike:
            self._tell()

    @property
    def are_hopeless(self) -> bool:
        """True if the first samples have all failed for one reason."""
        return self._alike and len(self._held) >= FIRST

    def failures(self, samples: int) -> Failures:
        """Return the failures of a pass that was to try so many samples."""
        return Failures(self._problems, samples - len(self._problems) if self.are_hopeless else 0)

    def _tell(self) -> None:
        self._alike = False
        for error in self._held:
            self._note(f"not evaluated: {error}")
        self._held.clear()


def reason(sample: str, problem: str) -> str:
    """Return a problem without the numbers and the names of files in it: equal for samples that fail alike."""
    text = problem.replace(sample, "..")
    stem = sample.rpartition("/")[2]
    text = text.replace(stem, "..") if len(stem) > 2 else text  # a short one may be a part of any word
    return _NUMBER.sub("#", _PATH.sub("..", text))


def reason_lines(problems: Mapping[str, str]) -> list[str]:
    """Return a line for each reason, in their order: its first sample, its problem, and others that fail alike."""
    samples: dict[str, list[str]] = {}
    for sample, problem in problems.items():
        samples.setdefault(reason(sample, problem), []).append(sample)
    return [f"{first}: {problems[first]}{_likewise(others)}" for first, *others in samples.values()]


def _likewise(samples: list[str]) -> str:
    return f"; likewise {shortlist(samples, 2)}" if samples else ""
