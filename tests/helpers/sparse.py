"""Sparse arrays as they are stored, and such that are none."""

import numpy as np


def stored_array(
    gaps: list[int], lengths: list[int], values: list[int], widths: tuple[int, int, int] = (1, 1, 2)
) -> bytes:
    """An array as bytes, whatever it says."""
    head = np.array([len(gaps), len(values)], "<i8").tobytes() + bytes(widths)
    kinds = zip((gaps, lengths, values), widths, strict=True)
    return head + b"".join(np.array(n, "<i8").view(np.uint8).reshape(-1, 8)[:, :w].T.tobytes() for n, w in kinds)


REFUSED: dict[str, bytes] = {
    "runs that touch": stored_array([0, 0], [1, 1], [1, 1]),
    "an empty run": stored_array([0], [0], []),
    "a run of negative length": stored_array([3], [-1], [], (1, 8, 2)),
    "a gap that leads back": stored_array([2, -2], [1, 1], [1, 1], (8, 1, 2)),
    "a negative place": stored_array([-1], [1], [1], (8, 1, 2)),
    "a gap to the end": stored_array([4], [1], [1]),
    "a gap beyond the end": stored_array([300], [1], [1], (2, 1, 2)),
    "a run beyond the end": stored_array([2], [3], [1, 1, 1]),
    "a second run beyond the end": stored_array([0, 2], [1, 2], [1, 1, 1]),
    "more values than cells of runs": stored_array([0], [2], [1, 1, 1]),
    "fewer values": stored_array([0], [2], [1]),
    "values without a run": stored_array([], [], [1]),
    "no width of gaps": stored_array([0], [1], [1], (0, 1, 2)),
    "no width of lengths": stored_array([0], [1], [1], (1, 0, 2)),
    "no width of values": stored_array([0], [1], [0], (1, 1, 0)),
    "numbers of nine bytes": stored_array([0], [1], [0])[:18] + bytes([9, 0, 1]) + bytes(9),
    "nothing": b"",
    "half a head": stored_array([], [], [])[:18],
    "a byte too few": stored_array([0], [1], [1])[:-1],
    "a byte too many": stored_array([0], [1], [1]) + b"\0",
    "an array too many": stored_array([0], [1], [1]) + stored_array([], [], []),
    "more runs than bytes": np.array([1 << 61, 0], "<i8").tobytes() + bytes([8, 8, 8]),
    "more values than bytes": np.array([0, 1 << 61], "<i8").tobytes() + bytes([8, 8, 8]),
    "a negative number of runs": np.array([-1, 0], "<i8").tobytes() + bytes([1, 1, 1, 0, 0]),
    "a negative number of values": np.array([0, -1], "<i8").tobytes() + bytes([1, 1, 1]),
}
"""What is no array of four cells."""
