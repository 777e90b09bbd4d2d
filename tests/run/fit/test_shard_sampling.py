"""Samples of a shard that is interrupted: those before are kept, and what a fit reads does not show where that was."""

from pathlib import Path

import numpy as np
import pytest
from helpers.runs import run_of
from helpers.street import Street, make_street

import reliseg
from reliseg.errors import IncompleteError, SampleError
from reliseg.run.fit import shard_sampling

IMAGES = 6


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=IMAGES, day=3, dusk=1)


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The samples that are predicted, of the first pass over the calibration split."""
    seen: list[str] = []
    sample = shard_sampling.ShardSampling.store

    def counted(self, outcomes, attempts):
        def each():
            for outcome in outcomes:
                seen.append(outcome.sample if isinstance(outcome, SampleError) else outcome.loaded.sample.id)
                yield outcome

        sample(self, each(), attempts)

    monkeypatch.setattr(shard_sampling.ShardSampling, "store", counted)
    return seen


def files(out: Path) -> dict[str, bytes]:
    names = ("results.csv", "fits.csv", "calibrations/net/ts@street-cal.json")
    return {name: (out / name).read_bytes() for name in names}


@pytest.mark.parametrize("stop", [1, 3, IMAGES, IMAGES + 1])
def test_what_was_sampled_before_a_kill_is_not_sampled_again(
    street: Street, sampled: list[str], monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    reliseg.run_config(street.config, street.root / "whole")
    out, write = street.root / "out", shard_sampling.write_sample_record
    written = 0

    def killed(*arguments: object) -> None:
        nonlocal written
        write(*arguments)
        written += 1
        if written == stop:
            raise KeyboardInterrupt

    run = run_of(street.config, out, checkpoint=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(shard_sampling, "write_sample_record", killed)
        with pytest.raises(KeyboardInterrupt):
            run.execute()
    del sampled[:]
    reliseg.run_config(street.config, out)
    assert len(sampled) == max(IMAGES - stop, 0)
    assert files(out) == files(street.root / "whole")
    assert not (out / "samples").exists()


def test_samples_before_one_that_cannot_be_read_are_kept(street: Street, sampled: list[str]) -> None:
    reliseg.run_config(street.config, street.root / "whole")
    path = street.logits("val", 4)
    content = path.read_bytes()
    np.savez(path, logits=np.full_like(np.load(path)["logits"], np.nan))
    with pytest.raises(IncompleteError, match=r"s0/s0_0004.*no calibration is fitted"):
        reliseg.run_config(street.config, street.root / "out")
    path.write_bytes(content)
    del sampled[:]
    reliseg.run_config(street.config, street.root / "out")
    assert sampled == ["s0/s0_0004", "s0/s0_0005"]
    assert files(street.root / "out") == files(street.root / "whole")
