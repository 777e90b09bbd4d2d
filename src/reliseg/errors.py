"""Every deliberate error, as one tree. Each message is one plain line: what, where, and what to do; an error may
have several.

ReliSegError
├── UsageError            found before the run: exit code 2
│   ├── ConfigError       the configuration or the command line
│   ├── DataError         files, pairs, sizes, ids of a data set
│   ├── ModelError        a model that cannot be loaded or does not fit the data
│   └── MissingExtraError an optional dependency that is not installed
├── CalibrationError      a calibration cannot be fitted, or not applied to a prediction
│   └── ColumnsError      the prediction has other columns than it was fitted on
├── SampleError           one sample cannot be evaluated: exit code 1
├── OutOfMemoryError      a model needs more memory than there is: exit code 1
├── PluginError           a metric, score or calibrator of another package failed at work: exit code 1
├── StorageError          the object store that a run lies in cannot be had: exit code 1
└── IncompleteError       the run ended with samples that were not evaluated: exit code 1
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_TEXT_LIMIT = 300
_NO_MEMORY = ("out of memory", "can't allocate memory", "failed to allocate memory", "status_alloc_failed", "bad_alloc")
"""What torch (CUDA, HIP, MPS, CPU), cuBLAS, cuDNN, ONNX Runtime and C++ say, as errors of any kind."""
_LONG_WORD = 1000
"""No path of a usual system has so many characters, but what a file from outside holds may."""


class ReliSegError(Exception):
    """Base of all errors that reliseg raises on purpose; its arguments are lines that are meant for users."""

    exit_code = 1

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the error: one for each thing that is wrong."""
        return tuple(shorten_words(str(line), _LONG_WORD) for line in self.args)


class UsageError(ReliSegError):
    """Wrong usage, configuration, data or model, found before anything was evaluated."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration or command line that cannot be carried out."""


class DataError(UsageError):
    """Files, pairs, sizes or ids of a data set that are not as its spec says."""


class ModelError(UsageError):
    """A model that cannot be loaded, or that does not fit the data set."""


class MissingExtraError(UsageError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} {missing_extra_text([package], extra)}")


class SampleError(ReliSegError):
    """One sample cannot be evaluated (a broken image, an id outside the label map, infinite logits)."""

    def __init__(self, sample: str, problem: str) -> None:
        super().__init__(f"{sample}: {problem}")
        self.sample = sample
        self.problem = problem


class CalibrationError(ReliSegError):
    """A calibration cannot be fitted on its split."""


class ColumnsError(CalibrationError):
    """A prediction has other columns than those that a calibration was fitted on."""


class OutOfMemoryError(ReliSegError):
    """A model needs more memory than the machine or its GPU has; no setting is changed for it."""


class PluginError(ReliSegError):
    """A metric, a score or a calibrator of another package failed while it was used."""


class StorageError(ReliSegError):
    """The object store that a run lies in cannot be had; what was finished is kept on this machine."""


class IncompleteError(ReliSegError):
    """The run ended, and some samples were not evaluated; what was finished is kept."""


def missing_extra_text(packages: Sequence[str], extra: str) -> str:
    """Return the end of a line about packages that are not installed, with the command that brings them."""
    return f"needs {', '.join(packages)}: pip install 'reliseg[{extra}]'"


def shorten_words(line: str, limit: int) -> str:
    """Return the line, with the beginning and the end alone of words of so many characters, or of more."""

    def shortened(word: re.Match[str]) -> str:
        return f"{word[0][:200]}...{word[0][-50:]} ({len(word[0])} characters)"

    return re.sub(rf"\S{{{limit},}}", shortened, line)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of an error line about an unknown name: the nearest known one, then all of them."""
    names = sorted(known)
    matches = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {matches[0]!r}? " if matches else ""
    return f"{hint}known: {', '.join(names) if names else 'none'}"


def shortlist(names: Sequence[str], limit: int = 3, separator: str = ", ") -> str:
    """Return the first names and the number of the others: `a, b, c and 4 more`, or `a; b; c; and 4 more`."""
    more = f"{separator.rstrip(' ,')} and {len(names) - limit} more" if len(names) > limit else ""
    return separator.join(names[:limit]) + more


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun: `1 image`, `2 images`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(error: BaseException) -> str:
    """Return the text of an error on one line, shortened to 300 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."


def lacks_memory(error: BaseException) -> bool:
    """Tell if an error, or one that it comes from, says that there is not enough memory, of the machine or of a GPU."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        if isinstance(cause, MemoryError | OutOfMemoryError) or any(said in str(cause).lower() for said in _NO_MEMORY):
            return True
        chain.append(cause)
        cause = cause.__cause__
    return False


def error_text(error: BaseException) -> str:
    """Return the kind and the text of an error on one line: `ValueError: no such class`, or `KeyError` without text."""
    return f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape for a message: `19 x 45 x 60`; at most eight sides are written."""
    return " x ".join(map(str, shape[:8])) + (" x .." if len(shape) > 8 else "") or "a single number"


def image_size_text(size: tuple[int, int]) -> str:
    """Return (height, width) for a message, which says which is which: `height 360, width 480`."""
    return f"height {size[0]}, width {size[1]}"
