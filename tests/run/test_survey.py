"""What is stored of a plan is found without predicting; what has changed since is named by its part."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import run_of
from helpers.street import Street, make_street
from PIL import Image

import reliseg
from reliseg.errors import IncompleteError
from reliseg.plan import shards
from reliseg.run.execute import Run
from reliseg.run.fit.fitting import FitOutcome
from reliseg.run.predict.stream import PredictionStream
from reliseg.run.survey import Survey, digest_of_pieces, refusal_lines


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SIZE", 2)


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=2, day=4, dusk=2)


def run_in(street: Street) -> Run:
    return run_of(street.config, street.root / "out")


def look(street: Street) -> Survey:
    """Survey the only model as a new process does."""
    run = run_in(street)
    (found,) = run.survey([run.context.handle(source) for source in run.plan.models])
    return found


def ask(street: Street) -> None:
    reliseg.run_config(street.config, street.root / "out")


def names(found: Survey) -> list[str]:
    return [str(target) for target in found.targets]


def test_of_a_new_folder_everything_is_missing(street: Street) -> None:
    found = look(street)
    every = shards_of(street)
    assert (found.stored, found.total) == (0, sum(every.values()))
    assert {str(target): n for target, n in found.missing.items()} == every
    assert names(found) == ["street/cal", "street/day", "street/dusk"]
    assert found.has_work
    assert (found.run, found.changes, found.pieces) == (None, [], [])


def shards_of(street: Street) -> dict[str, int]:
    """The number of shards of each domain that is evaluated."""
    plan = run_in(street).plan
    return {str(t): len(list(shards.shards(t))) for t, _ in plan.passes("net")}


def test_of_a_finished_run_nothing_is_missing_and_its_files_are_listed(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(street)
    monkeypatch.setattr(PredictionStream, "predictions_of_groups", None)
    found = look(street)
    assert found.stored == found.total == sum(shards_of(street).values())
    assert not found.has_work
    assert not found.targets
    assert found.run
    assert list(found.run.records) == ["ts@street/cal"]
    out = street.root / "out"
    assert sorted(found.pieces) == sorted(str(p.relative_to(out)) for p in out.glob("statistics/*/*/*.zip"))
    assert all((out / folder).is_dir() for folder in found.fitted)
    assert found.changes == []


def test_a_calibration_that_is_asked_for_first_counts_all_shards_as_missing_and_is_no_change(street: Street) -> None:
    ask(street)
    content = street.content()
    content["calibration"][0]["methods"] = ["identity", "ts", "vector"]
    street.write(content)
    found = look(street)
    assert (found.stored, found.total) == (0, sum(shards_of(street).values()))
    assert [str(target) for target in found.unfitted] == ["street/cal"]
    assert found.run is None
    assert found.changes == []


def test_a_metric_that_needs_no_other_statistics_has_nothing_missing(street: Street) -> None:
    ask(street)
    street.write(street.content() | {"metrics": ["segmentation"]})
    found = look(street)
    assert (found.has_work, found.stored) == (False, found.total)


def test_a_shard_that_lacks_one_calibration_is_missing_in_its_domain_alone(street: Street) -> None:
    ask(street)
    before = look(street)
    (street.root / "out" / before.pieces[-1]).unlink()
    found = look(street)
    assert (found.stored, found.total) == (before.total - 1, before.total)
    assert list(found.missing.values()) == [1]
    assert found.run
    assert found.changes == []


def test_a_sample_that_is_gone_makes_its_own_shard_missing_and_is_no_change(street: Street) -> None:
    ask(street)
    street.image("test", 2000).unlink()
    street.mask("test", 2000).unlink()
    found = look(street)
    assert {str(target): n for target, n in found.missing.items()} == {"street/dusk": 1}
    assert found.changes == []


@pytest.mark.parametrize(
    ("part", "domains"), [("label map", ["street/dusk"]), ("model", ["street/day", "street/dusk"])]
)
def test_parts_that_are_others_than_in_the_latest_answer_are_named(
    street: Street, monkeypatch: pytest.MonkeyPatch, part: str, domains: list[str]
) -> None:
    ask(street)
    original = type(look(street).run).parts  # type: ignore[union-attr]

    def changed(self: object, targets: object) -> dict[str, str]:
        every = list(targets)  # type: ignore[call-overload]
        other = {part: "another"} if any(str(t) in domains for t in every) else {}
        return original(self, every) | other  # type: ignore[arg-type]

    monkeypatch.setattr("reliseg.run.context.ModelRun.parts", changed)
    found = look(street)
    assert found.changes == [f"net on {d}: evaluating samples again: the {part} changed" for d in domains]
    assert names(found) == domains


def test_a_mask_that_changed_is_missing_with_its_shard(street: Street) -> None:
    ask(street)
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(street.mask("train", 1000))
    found = look(street)
    assert {str(target): n for target, n in found.missing.items()} == {"street/day": 1}
    assert found.run  # calibrations do not read it


def test_a_mask_of_a_calibration_split_takes_its_fits_along(street: Street) -> None:
    ask(street)
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(street.mask("val", 0))
    found = look(street)
    assert [str(target) for target in found.unfitted] == ["street/cal"]
    assert found.run is None
    assert found.stored == 0


def test_what_was_refused_is_known_and_no_work(street: Street) -> None:
    content = street.content()
    content["calibration"][0]["methods"] = ["identity", "ts", "cluster_ts(k=2,seed=1)"]
    street.write(content)
    with pytest.raises(IncompleteError, match="without a feature"):
        ask(street)
    found = look(street)
    assert not found.has_work
    assert found.run
    assert list(found.run.records) == ["ts@street/cal"]
    (line,) = found.refusals
    assert line.startswith("net on street/cal: ")
    assert line.endswith("; no results with this calibration")


def test_a_reason_that_several_seeds_share_is_said_once(street: Street) -> None:
    (fit,) = run_in(street).plan.fits
    outcome = FitOutcome(fit, {}, {"a": "too few", "b": "too few", "c": "empty"})
    assert refusal_lines("net", [outcome, replace(outcome, refusals={})]) == [
        "net on street/cal: too few; no results with this calibration",
        "net on street/cal: empty; no results with this calibration",
    ]


def test_the_digest_of_files_tells_them_apart_and_their_order() -> None:
    assert digest_of_pieces(["a", "b"]) == digest_of_pieces(iter(["a", "b"]))
    assert len({digest_of_pieces(files) for files in ([], ["a"], ["a", "b"], ["b", "a"], ["ab"])}) == 5
