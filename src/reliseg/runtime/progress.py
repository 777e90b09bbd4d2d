"""Progress of a run: the command line shows it, the Python API is silent."""

from typing import Protocol


class Progress(Protocol):
    """The receiver of a run's progress."""

    def begin(self, title: str, total: int) -> None:
        """Begin a stage of `total` samples; the one before is over."""

    def advance(self) -> None:
        """Count one more sample of the stage."""

    def note(self, text: str) -> None:
        """Show the user a line."""


class Silent:
    """Says nothing."""

    def begin(self, title: str, total: int) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
