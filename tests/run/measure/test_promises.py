"""Promises in whole runs: thresholds from images that no fit has read, and what is left of a run without any."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.street import Street, make_street
from PIL import Image

import reliseg
from reliseg.calibration.records.record import read_records
from reliseg.config.schema import read_config, render_config
from reliseg.conformal import PromisedThreshold
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.result import CalibratedImage
from reliseg.deploy.stored_run import Choice, StoredRun
from reliseg.errors import ConfigError, IncompleteError
from reliseg.labels import label_space
from reliseg.plan.build import plan_from_config
from reliseg.plan.parts import Part
from reliseg.prediction import Prediction
from reliseg.results import Results
from reliseg.run.execute import Run
from reliseg.run.stages import PartOfRun, conclude

pytestmark = pytest.mark.slow

TS = "ts@street/cal"
NAMES = ("promised_share", "kept_share", "coverage", "accepted_risk")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    street = make_street(tmp_path_factory.mktemp("street"), cal=30, day=20, dusk=20)
    street.write(street.content() | {"accept": [{"risk": 0.15}, {"risk": 0.25, "class": "car"}], "sets": {"risk": 0.1}})
    return street


@pytest.fixture(scope="module")
def run(street: Street) -> Path:
    reliseg.run_config(street.config, street.root / "run")
    return street.root / "run"


def accepted(
    run: Path, calibration: str, images: list[Path], *, number: int = 0, more: int = 0, logits: Path | None = None
) -> np.ndarray:
    """Wrong accepted, known, and accepted known pixels of each image by its mask, as a promise counts them; with `more`
    bins than are chosen.
    """
    choice = StoredRun(run, "run").choose_calibration("net", calibration)
    promises = StoredRun(run, "run").promises("net") if choice.record is None else choice.record.promises
    assert choice.acceptance.promised == promises[0]
    promised = promises[number]
    assert promised.bins is not None
    acceptance = Acceptance.promising(replace(promised, bins=promised.bins + more))
    label = label_space("camvid").classes.index(promised.promise.label) if promised.promise.label else None
    found = []
    for path in images:
        truth = np.array(Image.open(path))
        stored = (logits or run.parent / "logits") / path.stem.partition("_")[0] / f"{path.stem}.npz"
        prediction = Prediction(np.load(stored)["logits"], truth.shape)
        result = CalibratedImage.of(path.stem, choice.calibration(prediction), acceptance)
        known = truth < 11 if label is None else truth == label
        wrong = known & result.accepted & (result.classes != truth)
        found.append([wrong.sum(), known.sum(), (known & result.accepted).sum()])
    return np.array([counts for counts in found if counts[1]]).T


@pytest.mark.parametrize("calibration", ["identity", TS])
@pytest.mark.parametrize(("number", "promised"), [(0, 0.15), (1, 0.25)])
def test_what_a_predictor_accepts_is_what_was_chosen_and_measured(street, run, calibration, number, promised) -> None:
    found = read_records(run)["net"][0].promises[number]
    chosen = [street.root / "data" / "valannot" / f"{Path(i).name}.png" for i in found.images["street/cal"]]
    assert (found.on, found.units, found.n) == ("street/cal", "images", 15)
    for more, is_kept in ((0, True), (1, False)):  # n/(n+1) mean + 1/(n+1) <= risk
        wrong, known, _ = accepted(run, calibration, chosen, number=number, more=more)
        assert ((wrong / known).sum() <= promised * (len(known) + 1) - 1) == is_kept
    rows = Results.read(run / "results.json").where(calibration=calibration, class_=found.promise.label)
    for domain, folder in (("day", "trainannot"), ("dusk", "testannot")):
        tested = sorted((street.root / "data" / folder).iterdir())
        wrong, known, taken = accepted(run, calibration, tested, number=number)
        share, kept, coverage, risk = (rows.where(domain=domain, metric=name).rows[0] for name in NAMES)
        assert share.value == promised
        assert kept.value == pytest.approx((wrong / known).mean(), rel=1e-12)
        assert coverage.value == taken.sum() / known.sum()
        assert risk.value == wrong.sum() / taken.sum()
        assert kept.ci_low < kept.value < kept.ci_high
        assert {row.fitted_on for row in (share, kept, coverage, risk)} == {"street/cal"}


@pytest.mark.parametrize("calibration", ["identity", TS])
def test_sets_of_a_predictor_are_those_that_were_chosen_and_measured(street, run, calibration) -> None:
    choice = StoredRun(run, "run").choose_calibration("net", calibration)
    chosen = choice.acceptance.sets
    assert chosen is not None
    (own,) = [t for t in read_records(run)["net"][0].promises if t.promise.of_sets]
    own_images = [street.root / "data" / "valannot" / f"{Path(i).name}.png" for i in own.images["street/cal"]]
    for more, is_kept in ((0, True), (1, False)):
        missed, known, _ = sets_of(run, choice, own_images, replace(chosen, bins=chosen.bins + more))
        assert ((missed / known).sum() <= 0.1 * 16 - 1) == is_kept
    rows = Results.read(run / "results.json").where(calibration=calibration, domain="dusk")
    missed, known, sizes = sets_of(run, choice, sorted((street.root / "data" / "testannot").iterdir()), chosen)
    assert rows.value("sets_kept_share") == pytest.approx((missed / known).mean(), rel=1e-12)
    assert rows.value("set_coverage") == pytest.approx(1 - missed.sum() / known.sum(), rel=1e-12)
    assert rows.value("set_size") == pytest.approx(sizes.sum() / known.sum(), rel=1e-12)
    assert rows.value("sets_promised_share") == 0.1


def sets_of(run: Path, choice: Choice, images: list[Path], chosen: PromisedThreshold) -> np.ndarray:
    """Pixels of each image whose set lacks the true class, known pixels, and the sum of the sizes of their sets."""
    found = []
    for path in images:
        truth = np.array(Image.open(path))
        logits = np.load(run.parent / "logits" / path.stem.partition("_")[0] / f"{path.stem}.npz")["logits"]
        acceptance = replace(choice.acceptance, sets=chosen)
        sets = CalibratedImage.of(path.stem, choice.calibration(Prediction(logits, truth.shape)), acceptance).sets()
        known = truth < 11
        has = np.take_along_axis(sets, np.where(known, truth, 0)[None].astype(np.int64), axis=0)[0]
        found.append([(known & ~has).sum(), known.sum(), sets.sum(axis=0)[known].sum()])
    return np.array(found).T


def test_half_of_the_split_is_in_the_fit_and_the_other_half_in_the_promise(run: Path) -> None:
    (record,) = read_records(run)["net"]
    fitted, chosen = set(record.samples["street/cal"]), set(record.promises[0].images["street/cal"])
    assert (len(fitted), len(chosen), fitted & chosen) == (15, 15, set())
    (said,) = json.loads((run / "manifest.json").read_text())["accept"]
    assert said["left_out"] is True
    assert set(said["images"]["street/cal"]) == chosen


def test_the_same_folder_without_a_promise_is_as_a_run_that_never_had_one(street: Street, run: Path, tmp_path) -> None:
    config = street.changed_in(tmp_path / "bare", accept=[], sets=[])
    bare = tmp_path / "run"
    reliseg.run_config(config, bare)
    assert not list((bare / "calibrations" / "net").glob("*.promises"))
    assert "accept" not in (bare / "config.yaml").read_text()
    assert "accept" not in json.loads((bare / "manifest.json").read_text())
    assert not Results.read(bare / "results.json").where(metric="kept_share").rows
    before = (bare / "results.csv").read_bytes()
    config = street.changed_in(tmp_path / "again")
    reliseg.run_config(config, bare)
    assert (bare / "results.csv").read_bytes() == (run / "results.csv").read_bytes()
    reliseg.run_config(tmp_path / "bare" / "street.yaml", bare)
    assert (bare / "results.csv").read_bytes() == before
    assert not list((bare / "calibrations" / "net").glob("*.promises"))


def test_other_images_give_one_threshold_for_all_and_the_fit_keeps_its_own(street: Street, tmp_path) -> None:
    domains = {"own": {"split": "train", "scenes": ["s142", "s143"]}, "day": {"split": "train", "scenes": ["s144"]}}
    config = street.changed_in(
        tmp_path / "own",
        domains=domains,
        accept=[{"risk": 0.2, "on": "street/own"}],
        sets=[],
        test={"on": ["street/day"]},
    )
    results = reliseg.run_config(config, tmp_path / "run")
    kept = results.where(metric="kept_share").rows
    assert [(row.calibration, row.fitted_on) for row in kept] == [("identity", "street/own"), (TS, "street/own")]
    (record,) = read_records(tmp_path / "run")["net"]
    assert len(record.samples["street/cal"]) == 30
    assert (record.promises[0].on, record.promises[0].n) == ("street/own", 8)


def test_a_copy_of_an_image_is_found_by_its_bytes(street: Street, tmp_path) -> None:
    """The same image under another name: in the test domain, and in the domain that the threshold is chosen on."""
    copy = make_street(tmp_path / "copy", cal=30, day=12, dusk=12)
    (record,) = read_records(street.root / "run")["net"]
    chosen, fitted = (sorted(h["street/cal"])[0] for h in (record.promises[0].images, record.samples))
    shutil.copy(copy.root / "data" / "val" / f"{Path(chosen).name}.png", copy.image("test", 2003))
    copy.write(copy.content() | {"accept": {"risk": 0.15}})
    with pytest.raises(IncompleteError, match=r"is the same image as .*, which a promise rests on; remove one"):
        reliseg.run_config(copy.config, tmp_path / "a")
    content = copy.content()
    content["accept"] = {"risk": 0.2, "on": "street/day"}
    content["test"] = {"on": ["street/dusk"]}
    shutil.copy(copy.root / "data" / "val" / f"{Path(fitted).name}.png", copy.image("train", 1003))
    copy.write(content)
    with pytest.raises(IncompleteError, match=f"which {TS} was fitted on; remove one of them"):
        reliseg.run_config(copy.config, tmp_path / "b")


def test_tested_images_are_refused_where_a_threshold_is_chosen_on_them(street: Street, tmp_path) -> None:
    config = street.changed_in(tmp_path / "on", accept=[{"risk": 0.2, "on": "street/day"}], sets=[])
    with pytest.raises(
        ConfigError, match="test: street/day shares 20 samples with street/day, which a promise rests on"
    ):
        reliseg.run_config(config, tmp_path / "run")


def test_equal_promises_on_two_grounds_have_rows_of_their_own(street: Street, tmp_path) -> None:
    domains = {name: {"split": "train", "scenes": [f"s{i}"]} for name, i in (("own", 143), ("day", 144))}
    grounds = [{"risk": 0.3, "on": name} for name in ("street/own", "street/day")]
    config = street.changed_in(tmp_path / "two", domains=domains, accept=grounds, sets=[], test={"on": ["street/dusk"]})
    rows = reliseg.run_config(config, tmp_path / "run").where(metric="kept_share", calibration=TS).rows
    assert [row.fitted_on for row in rows] == ["street/own", "street/day"]


def test_stages_in_parts_give_the_bytes_of_one_run(street: Street, run: Path, tmp_path) -> None:
    config = read_config(street.config)
    plan, text = plan_from_config(config, street.root), render_config(config, street.root)
    whole = Run(plan, tmp_path / "parts", text)
    for stage in ("sample", "fit", "evaluate"):
        PartOfRun(whole, stage, Part()).execute()
    conclude(Run(plan, tmp_path / "parts", text))
    for name in ("results.csv", "calibrations/net/ts@street-cal.promises", "calibrations/net/identity.promises"):
        assert (tmp_path / "parts" / name).read_bytes() == (run / name).read_bytes()


def test_where_images_of_a_scene_are_alike_scenes_are_left_out_and_counted(tmp_path) -> None:
    street = make_street(tmp_path / "scenes", cal=70, day=8, dusk=60)
    street.write(street.content() | {"accept": {"risk": 0.3}, "test": {"on": ["street/dusk"]}, "metrics": ["transfer"]})
    results = reliseg.run_config(street.config, tmp_path / "run")
    (record,) = read_records(tmp_path / "run")["net"]
    (found,) = record.promises
    fitted = {sample.partition("/")[0] for sample in record.samples["street/cal"]}
    chosen = {sample.partition("/")[0] for sample in found.images["street/cal"]}
    assert (found.units, found.n, len(chosen), len(fitted), fitted & chosen) == ("scenes", 5, 5, 5, set())
    masks = sorted((street.root / "data" / "testannot").iterdir())
    wrong, known, _ = accepted(tmp_path / "run", TS, masks, logits=street.root / "logits")
    scenes = np.array([path.stem.partition("_")[0] for path in masks])
    means = [(wrong / known)[scenes == scene].mean() for scene in np.unique(scenes)]
    (kept,) = results.where(metric="kept_share", calibration=TS).rows
    assert kept.value == pytest.approx(np.mean(means), rel=1e-12)
    assert (kept.definition, kept.ci_units) == ("promise/kept/mean-over-scenes/risk=0.3", "scenes")
