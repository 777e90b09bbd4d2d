"""A folder that grows answers like a new one; a run that is interrupted loses what came after its last checkpoint."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers.runs import piece_files
from helpers.street import Street, ask_for_all, make_street

import reliseg
from reliseg.config.schema import read_config, render_config
from reliseg.plan.build import plan_from_config
from reliseg.run.evaluate import domain_pass
from reliseg.run.execute import Run
from reliseg.run.fit.sampling import Sampling

pytestmark = pytest.mark.slow  # each of its tests makes runs

TABLES = ("results.csv", "fits.csv", "reliability.csv", "curves.json", "images.csv")


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=3, day=5, dusk=4)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The samples that are counted, in their order."""
    seen: list[str] = []
    count = domain_pass.CalibrationCounter.count

    def told(self: domain_pass.CalibrationCounter, loaded: Any, calibrated: Any) -> Any:
        seen.append(loaded.sample.id)
        return count(self, loaded, calibrated)

    monkeypatch.setattr(domain_pass.CalibrationCounter, "count", told)
    return seen


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in TABLES}


def other_model(street: Street) -> dict[str, Any]:
    """A model of its own, whose predictions are less sure."""
    for path in sorted((street.root / "logits").rglob("*.npz")):
        other = street.root / "other" / path.relative_to(street.root / "logits")
        other.parent.mkdir(parents=True, exist_ok=True)
        with np.load(path) as stored:
            np.savez(other, logits=stored["logits"] / 2)
    return {"name": "other", "kind": "stored", "where": "other", "labels": "camvid"}


def test_a_run_that_grows_in_five_steps_has_the_bytes_of_a_fresh_one(street: Street, tmp_path: Path) -> None:
    ask_for_all(street)
    content = street.content() | {"scores": ["msp"]}
    last = street.content() | {"scores": ["msp", "margin"], "seed": 3}
    last["models"].append(other_model(street))
    last["calibration"][0]["methods"] = ["identity", "ts", "vector"]
    content["test"] = {"on": ["street/day"], "reference": "street/day"}
    out = tmp_path / "grown"
    street.write(content)
    reliseg.run_config(street.config, out)
    for key in ("models", "test", "calibration", "scores", "seed"):
        content[key] = last[key]
        street.write(content)
        reliseg.run_config(street.config, out)
    reliseg.run_config(street.config, tmp_path / "fresh")
    assert content == last
    assert tables(out) == tables(tmp_path / "fresh")


def test_a_model_a_domain_and_a_calibration_compute_only_what_is_missing(street: Street, counted: list[str]) -> None:
    content, out = street.content(), street.root / "out"
    whole = list(content["test"]["on"])
    content["test"]["on"] = whole[:1]
    street.write(content)
    reliseg.run_config(street.config, out)
    before = {path: path.stat().st_mtime_ns for path in piece_files(out)}
    del counted[:]
    content["test"]["on"] = whole
    street.write(content)
    reliseg.run_config(street.config, out)
    assert len(counted) == 4
    del counted[:]
    content["calibration"][0]["methods"].append("vector")
    street.write(content)
    reliseg.run_config(street.config, out)
    assert len(counted) == 3 + 5 + 4
    del counted[:]
    content["metrics"] = ["segmentation"]
    street.write(content)
    reliseg.run_config(street.config, out)
    assert counted == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_models_data_sets_and_domains_with_other_names_compute_nothing(
    street: Street, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, out = street.content(), street.root / "out"
    content["calibration"][0]["methods"] = ["identity", "ts", "vector"]
    street.write(content)
    reliseg.run_config(street.config, out)
    del counted[:]
    monkeypatch.setattr(Sampling, "collect", lambda *_: pytest.fail("calibration images are predicted again"))
    text = yaml.safe_dump({**content, "models": [{**content["models"][0], "name": "renamed"}]})
    for before, after in (("street/", "road/"), ("name: street", "name: road"), ("/cal", "/split"), ("cal:", "split:")):
        assert before in text
        text = text.replace(before, after)
    street.config.write_text(text)
    reliseg.run_config(street.config, out)
    assert counted == []
    before = tables(out)
    monkeypatch.undo()
    reliseg.run_config(street.config, street.root / "fresh")
    assert before == tables(street.root / "fresh")
    names = sorted(path.relative_to(out).as_posix() for path in (out / "calibrations" / "renamed").iterdir())
    for name in names:
        assert (out / name).read_bytes() == (street.root / "fresh" / name).read_bytes()


def test_two_models_of_stored_predictions_keep_both_of_their_calibrations(
    street: Street, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, out = street.content(), street.root / "out"
    street.write({**content, "models": [*content["models"], other_model(street)]})
    reliseg.run_config(street.config, out)
    del counted[:]
    before = tables(out)
    monkeypatch.setattr(Sampling, "collect", lambda *_: pytest.fail("calibration images are predicted again"))
    reliseg.run_config(street.config, out)
    assert counted == []
    assert tables(out) == before


@pytest.mark.parametrize("done", [0, 2, 4])
def test_what_was_counted_before_a_checkpoint_is_not_counted_again(
    street: Street, counted: list[str], monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Of the five images of a shard: killed where so many have been counted, each stored as it came."""
    out, add = street.root / "out", domain_pass.ShardPass._add
    content = street.content()
    content["calibration"] = []
    content["test"]["on"] = ["street/day"]
    street.write(content)
    reliseg.run_config(street.config, street.root / "whole")
    del counted[:]

    def killed(self: domain_pass.ShardPass, outcome: Any) -> None:
        if len(counted) == done:
            raise KeyboardInterrupt
        add(self, outcome)

    with monkeypatch.context() as patch:
        patch.setattr(domain_pass.ShardPass, "_add", killed)
        config = read_config(street.config)
        run = Run(plan_from_config(config, street.root), out, render_config(config, street.root), checkpoint=0.0)
        with pytest.raises(KeyboardInterrupt):
            run.execute()
    assert len(counted) == done
    reliseg.run_config(street.config, out)
    assert len(counted) == 5
    assert len(set(counted)) == 5
    assert tables(out) == tables(street.root / "whole")
    assert len(piece_files(out)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="other rights of folders")
def test_a_second_run_in_the_same_folder_says_so_and_stops(street: Street) -> None:
    out = street.root / "out"
    code = (
        "import sys\nfrom pathlib import Path\nfrom reliseg.run.lock import lock_folder\n"
        f"with lock_folder(Path({str(out)!r})):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(reliseg.ReliSegError, match="another process"):
            reliseg.run_config(street.config, out)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert len(reliseg.run_config(street.config, out))
