"""How many pixels are decoded, or wait, at a time: large pictures one after the other, small ones side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class PixelBudget:
    """Lets threads work on pictures of so many pixels together; one alone may have more."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for this picture, and keep it within."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


class WaitingRoom:
    """Lets pictures that are decoded ahead wait for the model, as many as there is room for.

    Pictures are numbered in the order in which they are taken. The one that is taken next always enters, so that
    nobody waits for one that waits for room.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._inside: dict[int, int] = {}
        self._next = 0
        self._changed = Condition()

    def enter(self, number: int, pixels: int) -> None:
        """Wait until there is room for this picture."""
        with self._changed:
            self._changed.wait_for(lambda: number <= self._next or sum(self._inside.values()) + pixels <= self._pixels)
            self._inside[number] = pixels

    def take(self, number: int) -> None:
        """Make room: this picture is out, and the next one will be asked for."""
        with self._changed:
            self._inside.pop(number, None)
            self._next = number + 1
            self._changed.notify_all()

    def open(self) -> None:
        """Let everybody in: nothing will be taken any more."""
        with self._changed:
            self._pixels = self._next = 1 << 62
            self._changed.notify_all()
