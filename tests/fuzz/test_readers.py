"""Each reader by itself: what it accepts it has read right, what it refuses it refuses in one line.

`RELISEG_FUZZ_INPUTS` is the number of files in all, `RELISEG_FUZZ_SEED` where to begin.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fuzz.kind_base import Kind
from fuzz.kinds import KINDS
from fuzz.limits import address_space, bounded
from reliseg.errors import ReliSegError

pytestmark = pytest.mark.slow
INPUTS = int(os.environ.get("RELISEG_FUZZ_INPUTS", "1000"))
SEED = int(os.environ.get("RELISEG_FUZZ_SEED", "0"))
REFUSALS = ReliSegError
LONGEST = 2000


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with address_space(6 << 30):
        yield


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    """One kind of file, in a folder of its own."""
    made: Kind = request.param(tmp_path)
    return made


def look_at(kind: Kind, data: bytes, what: str) -> bool:
    """Read one input; return whether it was accepted."""
    kind.path.write_bytes(data)
    before = files_below(kind.folder)
    with bounded(what), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            found = kind.read()
        except REFUSALS as error:
            text = str(error)
            assert text.strip(), f"{what}: no reason is given"
            assert "\n" not in text, f"{what}: {text!r} has several lines"
            assert len(text) < LONGEST, f"{what}: {text!r} is long"
            found = None
    own = [w for w in heard if "PIL" not in Path(w.filename).parts]  # which warns of metadata
    assert not own, f"{what}: warns {own[0].message}"
    if found is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the independent reader
            kind.check(data, found)
    assert files_below(kind.folder) >= before
    return found is not None


def files_below(folder: Path) -> set[Path]:
    """All files in a folder."""
    return set(folder.rglob("*"))


def test_what_is_damaged_is_read_right_or_refused(kind: Kind) -> None:
    originals = kind.originals()
    for number, data in enumerate(originals):
        assert look_at(kind, data, f"original {number}"), "an original is refused"
    accepted = 0
    inputs = -(-INPUTS // len(KINDS))
    for seed in range(SEED, SEED + inputs):
        random = Random(f"{type(kind).__name__} {seed}")
        data = kind.damage(random, random.choice(originals))
        what = f"{type(kind).__name__}, RELISEG_FUZZ_SEED={seed}"
        try:
            accepted += look_at(kind, data, what)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert accepted < inputs, "no damage is noticed"
