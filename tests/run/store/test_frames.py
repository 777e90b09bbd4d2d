"""Frames are unpacked whole, up to a size, or refused."""

import tracemalloc

import numpy as np
import pytest

from reliseg.run.store.frames import most_packed, pack, unpack

NOISE = np.random.default_rng(0).bytes(300_000)


@pytest.mark.parametrize("content", [b"", b"a", bytes(1 << 20), NOISE], ids=["none", "one", "zeros", "noise"])
def test_what_is_packed_comes_back(content: bytes) -> None:
    frame = pack(content)
    assert len(frame) <= most_packed(len(content))
    assert unpack(frame, len(content)) == content
    assert unpack(frame, len(content) + 100) == content
    assert pack(content) == frame


def test_what_is_larger_than_it_may_be_is_refused_before_it_takes_memory() -> None:
    frame = pack(bytes(1 << 26))
    assert len(frame) < 1 << 16
    tracemalloc.start()
    with pytest.raises(ValueError, match="too large"):
        unpack(frame, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 23
    with pytest.raises(ValueError, match="too large"):
        unpack(pack(b"ab"), 1)
    with pytest.raises(ValueError, match="too large"):
        unpack(pack(b"a"), 0)


@pytest.mark.parametrize("content", [NOISE[:1000], b""], ids=["noise", "none"])
def test_a_frame_that_is_cut_off_or_followed_by_something_is_refused(content: bytes) -> None:
    frame = pack(content)
    assert unpack(memoryview(frame), 1000) == content
    for end in range(len(frame)):
        with pytest.raises(ValueError, match="frame"):
            unpack(frame[:end], 1000)
    for more in (b"0", frame):
        with pytest.raises(ValueError, match="followed by"):
            unpack(frame + more, 3000)


MAGIC, WINDOW = b"\x28\xb5\x2f\xfd", bytes([(26 - 10) << 3])
"""How a frame begins, and what says that it is read through a window of 64 MB."""
LETTERS = MAGIC + b"\x40" + WINDOW + b"\x00\x00" + b"\x03\x08\x00a"
"""256 letters: the header says how many, and a block of one byte, repeated, follows."""


def test_a_frame_that_does_not_say_how_large_it_is_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say"):
        unpack(MAGIC + b"\x00" + WINDOW + b"\x01\x00\x00", 100)


def test_a_window_takes_no_memory() -> None:
    assert unpack(LETTERS, 256) == b"a" * 256
    with pytest.raises(ValueError, match="too much memory"):
        unpack(LETTERS[:-1], 256)


def test_bytes_that_are_no_frame_are_refused() -> None:
    for content in (b"0123456789", NOISE[:1000]):
        with pytest.raises(ValueError, match="no frame"):
            unpack(content, 1 << 20)
