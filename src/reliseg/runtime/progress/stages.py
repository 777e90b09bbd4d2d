"""Progress of a run: the command line shows it, the Python API is silent."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["", "draw", "check", "load", "sample", "fit", "evaluate", "measure"]
"""What is done in a stage."""


@dataclass(frozen=True)
class Stage:
    """What a stage is about, as values; an empty text says that it is about none."""

    kind: Kind = ""
    model: str = ""
    domain: str = ""
    done: int = 0
    """How many of its samples are there when it begins: they were stored before, and say nothing of its speed."""
    shards: int = 0
    """How many of its shards are stored when it begins."""


NO_STAGE = Stage()


class Progress(Protocol):
    """The receiver of a run's progress."""

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Begin a stage of `total` samples, of which `stage.done` are there; the one before is over."""

    def advance(self, count: int = 1) -> None:
        """Count more samples of the stage."""

    def end_shard(self, failed: int = 0) -> None:
        """Count a shard of the stage that is stored, but for some samples that failed."""

    def note(self, text: str) -> None:
        """Show the user a line."""


class Silent:
    """Says nothing."""

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def end_shard(self, failed: int = 0) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class Listener(Protocol):
    """What a program gives to be told of the progress: the plain form of `Progress`."""

    def begin(self, title: str, total: int) -> object:
        """Hear that a stage of `total` samples begins."""

    def advance(self) -> object:
        """Hear that one more sample of the stage is done, or was done before."""

    def note(self, text: str) -> object:
        """Hear a line that is meant for the user."""


@dataclass(frozen=True)
class Relay:
    """Tells a listener what a run tells."""

    listener: Listener

    def begin(self, title: str, total: int, stage: Stage = NO_STAGE) -> None:
        """Tell of a stage, and of its samples that are done."""
        self.listener.begin(title, total)
        self.advance(stage.done)

    def advance(self, count: int = 1) -> None:
        """Tell of one sample after the other."""
        for _ in range(count):
            self.listener.advance()

    def end_shard(self, failed: int = 0) -> None:
        """Tell nothing: what is stored together is not what a listener counts."""

    def note(self, text: str) -> None:
        """Tell a line."""
        self.listener.note(text)
