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


def test_a_frame_that_is_cut_off_or_followed_by_something_is_refused() -> None:
    frame = pack(NOISE[:1000])
    for end in range(len(frame)):
        with pytest.raises(ValueError, match="frame"):
            unpack(frame[:end], 1000)
    for more in (b"0", frame):
        with pytest.raises(ValueError, match="frame"):
            unpack(frame + more, 3000)


def test_a_frame_that_wants_a_large_window_is_refused() -> None:
    window = (30 - 10) << 3  # of a gigabyte: the window's descriptor in the header of a frame
    with pytest.raises(ValueError, match="no frame"):
        unpack(b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + b"\x01\x00\x00", 100)


def test_bytes_that_are_no_frame_are_refused() -> None:
    for content in (b"0123456789", NOISE[:1000]):
        with pytest.raises(ValueError, match="no frame"):
            unpack(content, 1 << 20)
