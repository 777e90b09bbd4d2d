"""What a run tells while it works; the command line shows it, the Python API is silent."""

from typing import Protocol


class Progress(Protocol):
    """Where a run is."""

    def begin(self, title: str, total: int) -> None:
        """A stage of `total` samples begins; the one before is over."""

    def advance(self) -> None:
        """One more sample is done."""

    def note(self, text: str) -> None:
        """A line that the user should see."""


class Silent:
    """Says nothing."""

    def begin(self, title: str, total: int) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
