"""A run that is killed again and again, on a disk that fails and damages files: at its end it has the same results."""

import errno
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from helpers.faults import CALLS, FAULTY, fault_environment, flip_bit, stored_files, truncate
from helpers.forked import Ended, Forks
from helpers.street import Street, make_street

_CODES = (errno.ENOSPC, errno.EIO)
_FIRST_CALLS = 40
"""A run of the street writes about so many files."""
_MODEL = """
import time
import numpy as np

def build():
    def model(image):
        time.sleep(0.01)
        small = image[::4, ::4].astype(np.float32) / 64
        return np.stack([np.abs(small.sum(axis=2) - k) for k in range(11)])
    return model
"""


class OtherResultsError(AssertionError):
    """A disturbed run has other results than the one that was left alone, or cannot go on."""


@dataclass
class Disturbance:
    """A run in `folder`, in processes of `forks`, and what is done to it; `rng` decides, `tell` gets a line of each."""

    folder: Path
    rng: random.Random
    forks: Forks
    with_faults: bool = False
    tell: Callable[[str], None] = print
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.street = _street(self.folder / "street")
        self.expected = self._finished(self.folder / "first")  # it may compile for a minute
        begun = time.monotonic()
        if self._finished(self.folder / "undisturbed") != self.expected:
            raise OtherResultsError(f"{self.folder}: two runs that nobody disturbs differ")
        self.seconds = time.monotonic() - begun

    def kill(self, number: int) -> None:
        """Kill so many runs at random instants; what is finished meanwhile is compared, and begun anew."""
        out = self.folder / "disturbed"
        while self.done["killed"] < number:
            what = self._damage(out)
            call, at, code = self._fault()
            ended = self.forks.run(
                self._arguments(out),
                FAULTY,
                environment=fault_environment(call, at, code),
                kill_after=self.rng.uniform(0.1, 1) * self.seconds,
            )
            self._judge(out, ended, is_faulty=bool(call))
            fault = f", {call} {at} fails: {errno.errorcode[code]}" if call else ""
            self.tell(f"{self.done['killed']} of {number} kills{what}{fault}: {_outcome(ended)}")
        if self._finished(out) != self.expected:
            raise OtherResultsError(f"{out}: other results at the end")
        self.done["compared"] += 1

    def _judge(self, out: Path, ended: Ended, *, is_faulty: bool) -> None:
        """Count how an attempt has ended; an error where it should not have ended so."""
        exit_code, said = ended.exit_code, ended.said
        if exit_code < 0:
            self.done["killed"] += 1
        elif exit_code == 0:
            if (out / "results.csv").read_bytes() != self.expected:
                raise OtherResultsError(f"{out}: other results")
            self.done["compared"] += 1
            shutil.rmtree(out)
        elif is_faulty and exit_code == 1 and said.count("reliseg: ") == 1:
            self.done["stopped by the disk"] += 1
        else:
            raise OtherResultsError(f"{out}: exit code {exit_code}: {said}")

    def _damage(self, out: Path) -> str:
        """Damage one of the files of the run, sometimes; return what was done."""
        files = stored_files(out) if self.with_faults and self.rng.random() < 0.3 else []
        if not files:
            return ""
        path, damage = self.rng.choice(files), self.rng.choice([truncate, flip_bit])
        damage(path, self.rng)
        self.done[damage.__name__] += 1
        return f", {damage.__name__} {path.relative_to(out)}"

    def _fault(self) -> tuple[str, int, int]:
        if not self.with_faults or self.rng.random() > 0.3:
            return "", 0, 0
        return self.rng.choice(CALLS), self.rng.randrange(_FIRST_CALLS), self.rng.choice(_CODES)

    def _finished(self, out: Path) -> bytes:
        """Return the results of a run that nobody disturbs."""
        ended = self.forks.run(self._arguments(out), FAULTY, environment=fault_environment())
        if ended.exit_code:
            raise OtherResultsError(f"{out}: exit code {ended.exit_code}: {ended.said}")
        return (out / "results.csv").read_bytes()

    def _arguments(self, out: Path) -> list[str]:
        return ["run", str(self.street.config), "--out", str(out), "--checkpoint", "0.1", "--workers", "2"]


def _street(root: Path) -> Street:
    """A street of several shards, a small network, and a fit."""
    street = make_street(root, cal=4, day=36, dusk=3)
    (root / "small.py").write_text(_MODEL)
    content = street.content()
    content["models"] = [{"name": "small", "kind": "python", "where": "small.py:build", "labels": "camvid"}]
    content |= {"scores": ["msp"], "metrics": ["segmentation", "likelihood", "calibration_error"]}
    street.write(content)
    return street


def _outcome(ended: Ended) -> str:
    last = ended.said.strip().splitlines()[-1:] or [""]
    return {0: "finished, equal", 1: last[0]}.get(ended.exit_code, f"killed at: {last[0]}")
