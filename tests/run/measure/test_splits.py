"""Thresholds from calibration splits in whole runs, and what calibrations do to their own fitting data."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import textbook
from helpers.devices import Notes
from helpers.runs import piece_files
from helpers.street import Street, ask_for_all, make_street
from PIL import Image
from scipy.special import log_softmax

import reliseg
from reliseg.calibration.records.record import encode_record, read_records
from reliseg.errors import IncompleteError
from reliseg.kernels.reference import full_logits
from reliseg.results import Results
from reliseg.run.measure.splits import SplitNumbers, stored_thresholds
from reliseg.stats import LogitView

pytestmark = pytest.mark.slow

TS = "ts@street/cal"
NAMES = ("transfer_risk95", "transfer_coverage95")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return ask_for_all(make_street(tmp_path_factory.mktemp("street"), cal=6, day=3, dusk=3))


@pytest.fixture(scope="module")
def whole(street: Street) -> Path:
    reliseg.run_config(street.config, street.root / "whole")
    return street.root / "whole"


def fits(folder: Path) -> list[dict[str, str]]:
    with (folder / "fits.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def log_probabilities(street: Street, split: str, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Of all known pixels of a split, in float64, and their labels."""
    found, labels = [], []
    for path in sorted((street.root / "data" / f"{split}annot").iterdir()):
        truth = np.array(Image.open(path))
        logits = np.load(street.root / "logits" / path.stem.partition("_")[0] / f"{path.stem}.npz")["logits"]
        view = LogitView(logits, truth.shape, False, np.arange(11), np.ones(12))
        z = full_logits(view, 12, slice(None))[:11].reshape(11, -1).astype(np.float64)
        found.append(log_softmax(z / temperature, axis=0)[:, truth.ravel() < 11])
        labels.append(truth.ravel()[truth.ravel() < 11])
    return np.concatenate(found, axis=1), np.concatenate(labels)


def sureness(street: Street, split: str, temperature: float) -> tuple[list[float], list[bool]]:
    log_p, labels = log_probabilities(street, split, temperature)
    return log_p.max(axis=0).tolist(), (log_p.argmax(axis=0) == labels).tolist()


@pytest.mark.parametrize("calibration", ["identity", TS])
def test_risk_and_coverage_are_those_of_sorted_pixels(street: Street, whole: Path, calibration: str) -> None:
    temperature = 1.0
    if calibration == TS:
        record = json.loads((whole / "calibrations" / "net" / "ts@street-cal.json").read_text())
        temperature = record["parameters"]["temperature"]
    threshold = textbook.lowest_threshold(*sureness(street, "val", temperature), 95)
    rows = Results.read(whole / "results.json").where(domain="dusk", calibration=calibration, score="msp")
    coverage, risk = textbook.accepted(*sureness(street, "test", temperature), threshold)
    for name, exact in zip(NAMES, (risk, coverage), strict=True):
        (row,) = rows.where(metric=name)
        assert row.fitted_on == "street/cal"
        assert row.lo - 1e-12 <= float(exact) <= row.hi + 1e-12
        assert row.hi - row.lo < 0.02  # a few hundred pixels are accepted, a few of them in the threshold's bin


def test_each_score_and_calibration_has_its_threshold(whole: Path) -> None:
    results = Results.read(whole / "results.json")
    for name in NAMES:
        found = {(r.domain, r.calibration, r.score) for r in results.where(metric=name) if not r.why}
        assert len(found) == 2 * 2 * 5
    assert {r.domain for r in results} == {"day", "dusk"}
    for r in results.where(calibration="identity"):
        assert r.fitted_on == ("street/cal" if r.metric in NAMES else "")


def test_what_a_calibration_does_to_all_pixels_of_its_split(street: Street, whole: Path) -> None:
    lines = {(r["metric"], r["score"]): r for r in fits(whole)}
    assert {r["calibration"] for r in lines.values()} == {TS}
    record = json.loads((whole / "calibrations" / "net" / "ts@street-cal.json").read_text())
    for column, temperature in (("before", 1.0), ("after", record["parameters"]["temperature"])):
        log_p, labels = log_probabilities(street, "val", temperature)
        right = log_p.argmax(axis=0) == labels
        nll = -log_p[labels, np.arange(len(labels))].mean()
        assert float(lines["nll", ""][column]) == pytest.approx(nll, abs=1e-6)
        assert float(lines["ece", "msp"][column]) == pytest.approx(
            textbook.ece(np.exp(log_p.max(axis=0)), right), abs=1e-4
        )
        assert float(lines["pixel_accuracy", ""][column]) == right.mean()
        assert float(lines["flip_rate", ""][column]) == 0
    nll = lines["nll", ""]
    assert float(nll["after"]) < float(nll["before"])  # the sample holds every pixel
    assert int(nll["n_images"]) == 6
    assert int(nll["n_pixels"]) == len(labels)
    assert {s for m, s in lines if m == "transfer_coverage95"} == {
        "msp",
        "neg_entropy",
        "margin",
        "max_logit",
        "neg_energy",
    }


def test_identity_has_a_row_for_each_split(street: Street, whole: Path, tmp_path: Path) -> None:
    """Two splits, one of them without methods; numbers that need no threshold stay as they are."""
    config = street.changed_in(
        tmp_path / "two",
        calibration=[{"on": ["street/cal"], "methods": ["ts"]}, {"on": ["street/dusk"], "methods": ["identity"]}],
        test={"on": ["street/day"]},
    )
    results = reliseg.run_config(config, tmp_path / "out")
    asked = {"domain": "day", "calibration": "identity", "score": "msp"}
    with pytest.raises(KeyError, match="also give fitted_on"):
        results.value("transfer_coverage95", **asked)
    coverage = {
        split: results.value("transfer_coverage95", fitted_on=split, **asked) for split in ("street/cal", "street/dusk")
    }
    assert coverage["street/cal"] > coverage["street/dusk"]  # dusk is noisier: it asks for more confidence
    before = Results.read(whole / "results.json")
    for name in (*NAMES, "ece"):
        assert results.value(name, fitted_on="" if name == "ece" else "street/cal", **asked) == before.value(
            name, **asked
        )
    assert not results.where(domain="cal").rows
    assert not results.where(domain="dusk").rows
    assert {r.fitted_on for r in results.where(metric="transfer_risk95", calibration=TS)} == {"street/cal"}


def test_splits_are_not_evaluated_for_metrics_that_need_none(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reliseg.run_config(street.changed_in(tmp_path / "few", metrics=["likelihood", "calibration_error"]), out)
    assert {s.head.named["domain"] for s in piece_files(out).values()} == {"street/day", "street/dusk"}
    assert fits(out) == []


def test_without_a_split_there_is_no_threshold(street: Street, tmp_path: Path) -> None:
    results = reliseg.run_config(street.changed_in(tmp_path / "none", calibration=[]), tmp_path / "out")
    for name in NAMES:
        rows = results.where(metric=name, domain="day").rows
        assert {r.why for r in rows} == {"no calibration split with these classes"}
        assert len(rows) == 5


def test_a_union_of_domains_is_the_whole_split(tmp_path: Path) -> None:
    """Scenes s0 and s1 apart, united, or named together: the same pixels, the same thresholds."""
    street = ask_for_all(make_street(tmp_path / "street", cal=9, day=2, dusk=1))
    parts = {"a": {"split": "val", "scenes": ["s0"]}, "b": {"split": "val", "scenes": ["s1"]}}
    found, numbers = {}, {}
    for name, on in {"cal": ["street/cal"], "united": ["street/united"], "listed": ["street/a", "street/b"]}.items():
        config = street.changed_in(
            tmp_path / name,
            domains=parts | {"united": {"union": ["a", "b"]}},
            calibration=[{"on": on, "methods": ["class-ts"]}],
            test={"on": ["street/day"]},
        )
        results = reliseg.run_config(config, tmp_path / f"{name}-out")
        found[name] = [(r.metric, r.score, r.value, r.lo, r.hi) for r in results if r.metric in NAMES]
        numbers[name] = [{**r, "calibration": ""} for r in fits(tmp_path / f"{name}-out")]
    assert found["cal"] == found["united"] == found["listed"]
    assert numbers["cal"] == numbers["united"] == numbers["listed"]
    assert len(numbers["cal"]) == 9


def test_names_with_commas_stay_in_one_column(street: Street, tmp_path: Path) -> None:
    method = "histogram(bins=7,equal=count)"
    config = street.changed_in(tmp_path / "names", calibration=[{"on": ["street/cal"], "methods": [method]}])
    out = tmp_path / "out"
    reliseg.run_config(config, out)
    assert {r["calibration"] for r in fits(out)} == {f"{method}@street/cal"}
    with (out / "reliability.csv").open(newline="") as file:
        assert {r["calibration"] for r in csv.DictReader(file)} == {"identity", f"{method}@street/cal"}


def test_a_split_that_fails_gives_no_threshold_and_costs_nothing_else(tmp_path: Path) -> None:
    """An image that could be read when calibrations were fitted, and cannot any more."""
    street = ask_for_all(make_street(tmp_path / "street", cal=3, day=2, dusk=2))
    out = tmp_path / "out"
    good = reliseg.run_config(street.config, out)
    for path in piece_files(out, domain="street/cal"):
        path.unlink()
    path = street.logits("val", 1)
    intact = path.read_bytes()

    class Damaging(Notes):
        """It changes the file when the calibrations are known to be valid."""

        def begin(self, title: str, steps: int) -> None:
            super().begin(title, steps)
            if title == "net: computing thresholds on street/cal":
                np.savez(path, logits=np.full((11, 6, 8), np.nan, np.float32))

    with pytest.raises(IncompleteError) as caught:
        reliseg.run_config(street.config, out, progress=Damaging())
    (line,) = str(caught.value).splitlines()
    assert line.startswith("net on street/cal: could not evaluate 1 sample (s0/s0_0001: ")
    assert line.endswith("; this split gives no threshold")
    results = Results.read(out / "results.json")
    for name in NAMES:
        why = {r.why for r in results.where(metric=name)}
        assert why == {"calibration split street/cal: samples of street/cal were not evaluated"}
    others = [str(r) for r in results if r.metric not in NAMES]
    assert others == [str(r) for r in good if r.metric not in NAMES]
    assert fits(out) == []
    path.write_bytes(intact)
    assert reliseg.run_config(street.config, out).to_csv() == good.to_csv()
    assert len(fits(out)) == 9


def test_limit_holds_for_splits_too(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reliseg.run_config(street.changed_in(tmp_path / "limited", limit=2), out)
    assert {r["n_images"] for r in fits(out)} == {"2"}


def test_thresholds_go_with_records_of_whole_splits_and_the_first_of_a_split_counts(whole: Path) -> None:
    (record,) = read_records(whole)["net"]
    assert set(record.thresholds) == {"identity", TS}
    assert all(len(by_score) == 5 for by_score in record.thresholds.values())
    known = {("street/cal", name): found for name, found in record.thresholds.items()}
    bare = replace(record, thresholds={})
    beside = SplitNumbers(known, [], frozenset()).with_thresholds(bare)
    assert beside is not None
    assert encode_record(beside) == encode_record(bare)
    assert stored_thresholds([bare, beside, replace(bare, thresholds={"identity": {}})]) == known
    assert SplitNumbers(known, [], frozenset({"street/cal"})).with_thresholds(bare) is None
    assert (
        SplitNumbers({("street/cal", "identity"): known["street/cal", "identity"]}, [], frozenset()).with_thresholds(
            bare
        )
        is None
    )
