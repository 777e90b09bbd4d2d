"""Pools of domains and calibrations that are applied to some domains: whole runs over stored predictions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.street import CLASSES, Street, ask_for_all, make_street

import reliseg
from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan import shards as cutting
from reliseg.results import Results

pytestmark = pytest.mark.slow  # each of its tests makes runs

EARLY, LATE = ["s285", "s286"], ["s287", "s288"]


@pytest.fixture(scope="module", autouse=True)
def _small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SHARD_SIZE", 4)
        yield


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return ask_for_all(make_street(tmp_path_factory.mktemp("street"), cal=3, day=9, dusk=18))


def content_of(street: Street, **late: object) -> dict:
    """The street, whose dusk is two data sets of early and late scenes; `late` are options of the second."""
    content = street.content()
    root = str(street.root / "data")
    content["models"][0]["where"] = str(street.root / "logits")
    home, early = ({**content["datasets"][0], "name": name, "root": root} for name in ("street", "early"))
    home["domains"] = {"cal": {"split": "val"}, "day": {"split": "train"}}
    early["domains"] = {"dusk": {"split": "test", "scenes": EARLY}}
    late = {**early, "name": "late", "domains": {"dusk": {"split": "test", "scenes": LATE}}, **late}
    content["datasets"] = [home, early, late]
    content["scores"] = ["msp"]
    content["test"] = {
        "on": ["early/dusk", "late/dusk"],
        "reference": "street/day",
        "pooled": {"both": ["early", "late/dusk"]},
    }
    return content


def results_of(content: dict, folder: Path, workers: int = 1) -> Results:
    folder.mkdir(parents=True, exist_ok=True)
    again = Street(folder)
    again.write(content)
    reliseg.run_config(again.config, folder / "out", workers=workers)
    return Results.read(folder / "out" / "results.json")


def test_a_pool_of_two_data_sets_has_the_numbers_of_a_union_in_one_to_the_bit(street: Street, tmp_path: Path) -> None:
    united = content_of(street)
    united["datasets"] = united["datasets"][:1]
    united["datasets"][0]["domains"] |= {
        "early": {"split": "test", "scenes": EARLY},
        "late": {"split": "test", "scenes": LATE},
        "pooled": {"union": ["early", "late"]},
    }
    united["test"] = {"on": ["street/pooled"], "reference": "street/day"}
    expected = results_of(united, tmp_path / "united").where(dataset="street", domain="pooled").rows
    for workers, names in ((1, ["early", "late"]), (2, ["late", "early"])):
        content = content_of(street)
        content["test"]["pooled"] = {"both": names}
        results = results_of(content, tmp_path / f"pooled{workers}", workers)
        found = results.where(dataset="both").rows
        assert [replace(row, dataset="street") for row in found] == list(expected)
        assert {row.n_images for row in found} == {18}
        assert {(r.dataset, r.domain) for r in results} == {("early", "dusk"), ("late", "dusk"), ("both", "pooled")}
    lines = (tmp_path / "pooled1" / "out" / "reliability.csv").read_text().splitlines()
    assert any(line.startswith("net,both,pooled,identity,") for line in lines)


def test_data_sets_of_different_classes_are_pooled_for_image_level_ood_alone(street: Street, tmp_path: Path) -> None:
    labels = street.root / "few.toml"
    labels.write_text('classes = ["a", "b", "c"]\n')
    groups = [c % 3 for c in range(CLASSES)]
    label_map = {"known": {str(c): g for c, g in enumerate(groups)}, "void": [CLASSES]}
    content = content_of(street, labels=str(labels), label_map=label_map, projection={"camvid": groups})
    results = results_of(content, tmp_path)
    pool = results.where(dataset="both").rows
    assert {r.metric for r in pool} >= {"ood_auroc", "ood_fpr95_out"}
    assert all(r.definition.startswith("ood/") for r in pool)
    assert {r.calibration for r in pool} == {"identity"}
    assert {r.calibration for r in results.where(dataset="early")} == {"identity", "ts@street/cal"}
    for kind in ("all", "known"):
        chosen = {
            "metric": "ood_auroc",
            "score": "msp",
            "definition": f"ood/{kind}-pixels/auroc",
            "calibration": "identity",
        }
        pooled, *apart = (results.where(dataset=d, **chosen).rows[0].value for d in ("both", "early", "late"))
        assert pooled == pytest.approx(sum(apart) / 2, abs=1e-12)  # as many images in each, against the same ones


def test_a_calibration_has_rows_where_it_is_applied_alone(street: Street, tmp_path: Path) -> None:
    content = content_of(street)
    content["calibration"] = [
        {"on": ["street/cal"], "methods": ["ts"]},
        {"on": ["early/dusk"], "methods": ["ts", "vector"], "apply": ["late"]},
    ]
    results = results_of(content, tmp_path)
    calibrations = {d: {r.calibration for r in results.where(dataset=d)} for d in ("early", "late", "both")}
    everywhere = {"identity", "ts@street/cal"}
    assert calibrations == {
        "early": everywhere,
        "late": everywhere | {"ts@early/dusk", "vector@early/dusk"},
        "both": everywhere,
    }
    applied = results.where(dataset="late", calibration="ts@early/dusk")
    assert applied.where(metric="ece").rows
    assert not applied.where(metric="drop_ece").rows  # the reference is not calibrated so
    assert {r.fitted_on for r in results.where(dataset="early", metric="transfer_risk95")} == {"street/cal"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooled": {"street": ["early", "late"]}}, "pooled: street is the name of a data set"),
        ({"pooled": {"one": ["early"]}}, "pooled: one is one domain, early; name several"),
        ({"pooled": {"both": ["early", "laet"]}}, "no data set 'laet' in datasets; did you mean 'late'"),
        ({"pooled": {"a/b": ["early", "late"]}}, "test.pooled"),
        ({"pooled": {"none": []}}, "'none' names no domain"),
    ],
)
def test_what_is_no_pool_is_said(street: Street, tmp_path: Path, change: dict, message: str) -> None:
    content = content_of(street)
    content["test"] |= change
    with pytest.raises(ConfigError, match=message):
        results_of(content, tmp_path)


def test_calibrations_are_applied_to_tested_domains_of_their_classes(street: Street, tmp_path: Path) -> None:
    labels = street.root / "few.toml"
    labels.write_text('classes = ["a", "b", "c"]\n')
    groups = [c % 3 for c in range(CLASSES)]
    label_map = {"known": {str(c): g for c, g in enumerate(groups)}, "void": [CLASSES]}
    content = content_of(street, labels=str(labels), label_map=label_map, projection={"camvid": groups})
    for apply, message in (
        (["street/cal"], "calibration on street/cal: apply: street/cal is not tested"),
        (["late"], "apply: late has other classes than the data it is fitted on"),
        ([], "calibration.0.apply"),
    ):
        content["calibration"] = [{"on": ["street/cal"], "methods": ["ts"], "apply": apply}]
        with pytest.raises(ConfigError, match=message):
            results_of(content, tmp_path)


def test_a_loaded_calibration_may_be_applied_to_some_domains_too(street: Street, tmp_path: Path) -> None:
    results_of(content_of(street), tmp_path / "first")
    content = content_of(street)
    content["calibration"] = [{"load": str(tmp_path / "first" / "out"), "apply": ["early/dusk"]}]
    results = results_of(content, tmp_path / "second")
    assert {r.calibration for r in results.where(dataset="early")} == {"identity", "ts@street/cal"}
    assert {r.calibration for r in results.where(dataset="late")} == {"identity"}


def test_a_pool_with_a_broken_image_has_no_rows_and_says_so(street: Street, tmp_path: Path) -> None:
    again = ask_for_all(make_street(tmp_path / "street", cal=3, day=9, dusk=18))
    again.logits("test", 2009).write_bytes(b"")
    with pytest.raises(IncompleteError) as caught:
        results_of(content_of(again), tmp_path / "run")
    assert any("net on both/pooled: no results, because late/dusk is incomplete" in line for line in caught.value.lines)
    assert not Results.read(tmp_path / "run" / "out" / "results.json").where(dataset="both").rows
