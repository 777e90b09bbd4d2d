"""A run in stages and parts: each names the one before it that is not finished; all give the bytes of one process."""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.forked import Ended, Forks
from helpers.runs import run_of
from helpers.street import Street, make_street

import reliseg
from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan import shards
from reliseg.plan.parts import Part, Stage
from reliseg.run.execute import Run
from reliseg.run.fit.sampling import Sampling
from reliseg.run.stages import PartOfRun, conclude
from reliseg.run.store.piece_files import read_head
from reliseg.runtime.progress import Relay

pytestmark = pytest.mark.slow  # each of its tests makes runs


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return make_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def whole(street: Street) -> bytes:
    out = street.root / "whole"
    reliseg.run_config(street.config, out)
    return (out / "results.csv").read_bytes()


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SIZE", 4)


def run_in(out: Path, street: Street) -> Run:
    return run_of(street.config, out)


class Told:
    """Counts what it hears of."""

    def __init__(self) -> None:
        self.advanced = 0

    def begin(self, title: str, total: int) -> None:
        """A stage begins."""

    def advance(self) -> None:
        self.advanced += 1

    def note(self, text: str) -> None:
        """A line."""


def kept_in(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "measured").glob("??/*"))


def do(street: Street, out: Path, stage: Stage, part: Part | None = None) -> None:
    PartOfRun(run_in(out, street), stage, part or Part()).execute()


def evaluate_whole(street: Street, out: Path) -> None:
    for stage in ("sample", "fit", "evaluate"):
        do(street, out, stage)


def test_stages_one_after_the_other_give_the_bytes_of_one_run(street: Street, whole: bytes, tmp_path: Path) -> None:
    evaluate_whole(street, tmp_path / "out")
    conclude(run_in(tmp_path / "out", street))
    assert (tmp_path / "out" / "results.csv").read_bytes() == whole


def test_a_stage_names_the_one_before_it_that_is_missing(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="holds no run"):
        conclude(run_in(out, street))
    with pytest.raises(ConfigError, match=r"3 shards of street/cal are not sampled; run --stage sample first"):
        do(street, out, "fit")
    do(street, out, "sample", Part(1, 2))
    with pytest.raises(ConfigError, match=r"shards? of street/cal (is|are) not sampled; run --stage sample first"):
        do(street, out, "fit")
    do(street, out, "sample", Part(2, 2))
    with pytest.raises(ConfigError, match=r"the calibrations on street/cal are not fitted; run --stage fit first"):
        do(street, out, "evaluate")
    with pytest.raises(ConfigError, match=r"calibrations on street/cal are not fitted"):
        conclude(run_in(out, street))
    do(street, out, "fit")
    do(street, out, "evaluate", Part(1, 2))
    with pytest.raises(ConfigError, match=r"\d+ of \d+ shards are not evaluated; run --stage evaluate first"):
        conclude(run_in(out, street))
    do(street, out, "evaluate", Part(2, 2))
    assert len(conclude(run_in(out, street)))


def test_samples_that_another_configuration_has_removed_meanwhile_are_said_and_made_again(
    street: Street, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, load = tmp_path / "out", Sampling.load
    do(street, out, "sample")

    def late(*arguments: Any) -> Any:
        shutil.rmtree(out / "samples")
        return load(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Sampling, "load", late)
        with pytest.raises(ConfigError, match=r"net: what was sampled of street/cal was removed .*; sample it again"):
            do(street, out, "fit")
    evaluate_whole(street, out)
    conclude(run_in(out, street))
    assert (out / "results.csv").read_bytes() == whole


def test_parts_in_random_order_give_the_bytes_of_one_run(street: Street, whole: bytes, tmp_path: Path) -> None:
    order = random.Random(0)
    for stage in ("sample", "fit", "evaluate"):
        for number in order.sample(range(1, 6), 5):
            do(street, tmp_path / "out", stage, Part(number, 5))
    conclude(run_in(tmp_path / "out", street))
    assert (tmp_path / "out" / "results.csv").read_bytes() == whole


def test_parts_work_side_by_side_in_one_folder(street: Street, whole: bytes, tmp_path: Path, forks: Forks) -> None:
    """They keep the usual size of shards: processes of their own."""

    def command(*words: str) -> Ended:
        return forks.run(["run", street.config, "--out", tmp_path / "out", "--stage", *words])

    assert [command(stage).exit_code for stage in ("sample", "fit")] == [0, 0]
    with ThreadPoolExecutor() as side_by_side:
        parts = list(side_by_side.map(lambda k: command("evaluate", "--part", f"{k}/3"), (1, 2, 3)))
    assert [part.exit_code for part in parts] == [0, 0, 0], parts
    assert command("measure").exit_code == 0
    assert (tmp_path / "out" / "results.csv").read_bytes() == whole


def test_parts_measure_all_that_the_results_are_made_of(
    street: Street, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    evaluate_whole(street, out)
    for number in (3, 1, 2):
        do(street, out, "measure", Part(number, 3))
        assert not (out / "results.csv").exists()
    monkeypatch.setattr("reliseg.run.measure.splits.load_state", None)
    monkeypatch.setattr("reliseg.run.measure.reading.load_state", None)
    conclude(run_in(out, street))
    assert (out / "results.csv").read_bytes() == whole


def test_a_part_measures_its_own_share_and_says_how_far_it_is(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_whole(street, out)
    before = set(kept_in(out))
    for number, told in ((1, 2), (2, 2), (2, 0)):
        listener = Told()
        PartOfRun(run_of(street.config, out, progress=Relay(listener)), "measure", Part(number, 2)).execute()
        assert listener.advanced == told, "domains under calibrations"
    assert len(set(kept_in(out)) - before) == 2 * 2 + 2, "and the split, without and with its calibration"


def test_a_part_of_measuring_names_what_is_missing(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=r"net: calibrations on street/cal are not fitted; run --stage sample and"):
        do(street, out, "measure", Part(1, 2))
    for stage in ("sample", "fit"):
        do(street, out, stage)
    with pytest.raises(ConfigError, match=r"net: \d+ of \d+ shards are not evaluated; run --stage evaluate first"):
        do(street, out, "measure", Part(2, 2))


def test_what_could_not_be_evaluated_is_told_with_the_results_and_not_by_parts(tmp_path: Path) -> None:
    broken = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    np.savez(broken.logits("train", 1001), logits=np.full((11, 6, 8), np.nan, np.float32))
    for out, stages in ((tmp_path / "one", ()), (tmp_path / "parts", ("sample", "fit", "evaluate"))):
        for stage in stages:
            with suppress(IncompleteError):
                do(broken, out, stage)
        for part in (Part(1, 2), Part(2, 2)) if stages else ():
            do(broken, out, "measure", part)
        with pytest.raises(IncompleteError, match=r"street/day: could not evaluate 1 sample .*1001"):
            conclude(run_in(out, broken)) if stages else run_in(out, broken).execute()
    one, parts = ((tmp_path / name / "results.csv").read_bytes() for name in ("one", "parts"))
    assert one == parts


def test_a_part_that_fails_on_an_image_says_so_and_measuring_knows_why(street: Street, tmp_path: Path) -> None:
    broken = make_street(tmp_path / "street")
    path = broken.mask("train", 1003)
    path.write_bytes(path.read_bytes()[:40])
    out = tmp_path / "out"
    for stage in ("sample", "fit"):
        do(broken, out, stage)
    with pytest.raises(IncompleteError, match=r"net on street/day: could not evaluate 1 sample .*1003"):
        do(broken, out, "evaluate")
    with pytest.raises(IncompleteError, match=r"street/day: could not evaluate 1 sample .*this domain has no results"):
        conclude(run_in(out, broken))


def test_what_was_never_evaluated_is_no_failure_of_another_image_of_its_shard(tmp_path: Path) -> None:
    broken = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    path = broken.mask("train", 1001)
    path.write_bytes(path.read_bytes()[:40])
    out = tmp_path / "out"
    for stage in ("sample", "fit"):
        do(broken, out, stage)
    with pytest.raises(IncompleteError, match=r"could not evaluate 1 sample .*1001"):
        do(broken, out, "evaluate")
    for piece in (out / "statistics").glob("*/*/*.zip"):
        if read_head(piece).head.named["domain"] == "street/day":
            piece.unlink()
    with pytest.raises(ConfigError, match=r"net: 1 of 3 shards are not evaluated; run --stage evaluate first"):
        conclude(run_in(out, broken))


def test_what_was_asked_is_measured_without_its_model(
    street: Street, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    evaluate_whole(street, out)
    monkeypatch.setattr("reliseg.run.predict.stream.PredictionStream.predictions_of_groups", None)
    conclude(run_in(out, street))
    assert (out / "results.csv").read_bytes() == whole


def test_pixels_that_were_sampled_under_another_seed_are_not_fitted_on(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    content = street.content() | {"sample": {"per_image": 20}}
    street.write(content)
    do(street, tmp_path / "out", "sample")
    street.write(content | {"seed": 1})
    reliseg.run_config(street.config, tmp_path / "fresh")
    with pytest.raises(ConfigError, match="is not sampled; run --stage sample first"):
        do(street, tmp_path / "out", "fit")
    reliseg.run_config(street.config, tmp_path / "out")
    assert (tmp_path / "out" / "results.csv").read_bytes() == (tmp_path / "fresh" / "results.csv").read_bytes()


def test_why_an_image_failed_for_one_model_is_not_forgotten_by_another(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    shutil.copytree(street.root / "logits", street.root / "whole")
    content = street.content()
    content["models"].append(content["models"][0] | {"name": "whole", "where": "whole"})
    street.write(content)
    np.savez(street.logits("train", 1002), logits=np.full((11, 6, 8), np.nan, np.float32))
    out = tmp_path / "out"
    for tell in (reliseg.run_config, lambda config, out: conclude(run_in(out, street))):
        with pytest.raises(IncompleteError, match=r"net on street/day: .*the model gave NaN"):
            tell(street.config, out)
        (out / "results.csv").unlink()


def test_statistics_of_another_calibration_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    out = tmp_path / "out"
    reliseg.run_config(street.config, out)
    before = (out / "results.csv").read_bytes()
    heads = {path: read_head(path) for path in sorted((out / "statistics").glob("*/*/*.zip"))}
    of_day = {h.head.named["calibration"]: p for p, h in heads.items() if h and h.head.named["domain"] == "street/day"}
    shutil.copy(of_day["identity"], of_day["ts@street/cal"].with_name("0.zip"))
    of_day["ts@street/cal"].unlink()
    reliseg.run_config(street.config, out)
    assert (out / "results.csv").read_bytes() == before
