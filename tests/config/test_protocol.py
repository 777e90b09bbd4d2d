"""Protocols: the study in one command, on data sets in miniature; what is left out or changed is said."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers.street import make_street
from helpers.study import Study, make_study

from reliseg import cli
from reliseg.calibration import calibrator, texts_of_seeds
from reliseg.config.protocol import protocol_names, protocol_readings, provenance, read_protocol
from reliseg.config.schema import parse_config, read_config
from reliseg.data import DataOptions, open_dataset
from reliseg.errors import ConfigError
from reliseg.results import Results

NAME = "relis-cvpr2023"
METHODS = "ts,cluster-ts(k=2, shrinkage=100, seed=7)"
"""Methods that two images a scene are enough for."""
SETS = {
    "cityscapes/cal": {"cityscapes", "acdc", "idd", "acdc+idd"},
    "acdc/cal": {"acdc"},
    "idd/cal": {"idd"},
    "cityscapes/cal+acdc/cal+idd/cal": {"cityscapes", "acdc", "idd", "acdc+idd"},
    "cityscapes/augmented": {"cityscapes", "acdc", "idd", "acdc+idd"},
}
"""The sets that calibrations are fitted on, and what they are applied to."""
TESTS = {"cityscapes/test": 2, "acdc/fog": 2, "acdc/night": 2, "acdc/rain": 2, "acdc/snow": 2, "acdc/test": 8}
"""Tested domains but IDD's, and their images."""


def scenes() -> tuple[str, ...]:
    idd = next(d for d in read_protocol(NAME).content["datasets"] if d["name"] == "idd")
    return tuple(idd["domains"]["test"]["scenes"])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"), idd_scenes=scenes())


def command(*words: object) -> int:
    """The exit code."""
    before, sys.argv = sys.argv, ["reliseg", *map(str, words)]
    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        sys.argv = before
    raise AssertionError("the command always ends by SystemExit")


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one line of a command that is refused before anything is read."""

    def line(*words: object) -> str:
        code = command(*words)
        errors = capsys.readouterr().err.splitlines()
        assert code == 2, errors
        assert len(errors) == 1, errors
        return errors[0]

    return line


@pytest.fixture(scope="module")
def whole(study: Study) -> Path:
    """The whole study."""
    out = study.root / "whole"
    data = study.words("cityscapes", "acdc", "idd")
    assert command("run", "--protocol", NAME, *data, "--calibrate", METHODS, "--out", out) == 0
    return out


@pytest.mark.slow
def test_every_domain_has_its_rows_under_every_calibration(whole: Path) -> None:
    results = Results.read(whole / "results.json")
    methods = ("ts", "cluster_ts(k=2,shrinkage=100,seed=7)")
    idd = len(scenes())
    domains = TESTS | {"idd/test": idd, "acdc+idd/pooled": TESTS["acdc/test"] + idd}
    expected = {(d, "identity") for d in domains}
    expected |= {
        (d, f"{m}@{s}") for s, to in SETS.items() for d in domains if d.partition("/")[0] in to for m in methods
    }
    counted: dict[tuple[str, str], set[str]] = {}
    for row in results:
        counted.setdefault((f"{row.dataset}/{row.domain}", row.calibration), set()).add(row.metric)
        assert row.n_images == domains[f"{row.dataset}/{row.domain}"]
    assert set(counted) == expected
    always = {"miou", "ece", "ada_ece", "ks", "prr", "relis_ece", "relis_ada_ece", "relis_ks", "relis_prr"}
    for (domain, calibration), metrics in counted.items():
        assert metrics >= always
        is_compared = domain != "cityscapes/test" and calibration.partition("@")[2] not in ("acdc/cal", "idd/cal")
        assert ("ood_auroc" in metrics and "drop_miou" in metrics) == is_compared
    assert {r.score for r in results} == {"", "msp", "neg_entropy"}


@pytest.mark.slow
def test_local_and_image_level_ood_are_measured_as_in_the_study(whole: Path) -> None:
    results = Results.read(whole / "results.json").where(calibration="identity", score="msp")
    assert not results.where(metric="local_ood_auroc", dataset="idd").rows[0].why
    assert results.where(metric="local_ood_auroc", dataset="acdc", domain="fog").rows[0].why == "no unknown pixel"
    kinds = {r.definition for r in results.where(metric="ood_auroc", dataset="idd")}
    assert kinds == {"ood/known-pixels/auroc", "ood/all-pixels/auroc"}


@pytest.mark.slow
def test_void_counts_for_the_study_alone(whole: Path) -> None:
    """Rows have 28 of 32 lines known; IDD's unknown objects are errors in the study's PRR too."""
    rows = Results.read(whole / "results.json").where(dataset="idd", calibration="identity")
    assert {r.n_pixels for r in rows} == {37 * (28 * 64 - 4 * 20)}
    assert rows.value("relis_prr", score="msp") < rows.value("prr", score="msp")


@pytest.mark.slow
def test_the_manifest_and_the_results_say_what_it_is(whole: Path) -> None:
    expected = {"name": NAME, "version": 2, "reading": "scripts", "changed": ["calibration.methods"]}
    assert json.loads((whole / "manifest.json").read_text())["protocol"] == expected
    assert json.loads((whole / "results.json").read_text())["provenance"]["protocol"] == expected


@pytest.mark.slow
def test_copies_are_hashed_as_their_images(whole: Path) -> None:
    def hashes(split: str) -> dict[str, str]:
        record = json.loads((whole / "calibrations" / "net" / f"ts@cityscapes-{split}.json").read_text())
        return record["samples"][f"cityscapes/{split}"]

    originals = hashes("cal")
    assert hashes("augmented") == {f"{i}~{k}": digest for i, digest in originals.items() for k in range(1, 16)}


@pytest.mark.slow
def test_the_written_configuration_is_the_run_without_the_protocol(study: Study, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = [*study.words("cityscapes", "acdc"), "--without", "idd", "--calibrate", "ts", "--limit", 1]
    assert command("run", "--protocol", NAME, *words, "--out", first) == 0
    assert command("run", first / "config.yaml", "--out", second) == 0
    for name in ("config.yaml", "results.csv", "results.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    results = Results.read(first / "results.json")
    assert {f"{r.dataset}/{r.domain}" for r in results} == set(TESTS)
    sets = {r.fitted_on for r in results if r.fitted_on}
    assert sets == {"cityscapes/cal", "acdc/cal", "cityscapes/cal+acdc/cal", "cityscapes/augmented"}
    assert not results.where(dataset="acdc+idd").rows
    changed = json.loads((second / "manifest.json").read_text())["protocol"]["changed"]
    assert changed == ["without idd", "calibration.methods", "limit"]


def test_check_takes_a_protocol_and_says_what_was_changed(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--protocol", "relis_cvpr2023", *study.words("cityscapes", "acdc", "idd"), "--calibrate", "ts"]
    assert command("check", *words) == 0
    lines = capsys.readouterr().err
    assert f"protocol {NAME}, version 2, reading scripts, changed: calibration.methods" in lines
    assert "idd/test: 37 images and masks" in lines
    assert "cityscapes/augmented: 60 images and masks" in lines


def test_a_data_set_that_is_missing_is_named_with_the_way_to_leave_it_out(study: Study, refused) -> None:
    line = refused("run", "--protocol", NAME, *study.words("cityscapes"))
    assert "needs --data acdc=ROOT and --data idd=ROOT" in line
    assert "--without acdc --without idd" in line
    assert "needs --data cityscapes=ROOT" in refused("check", "--protocol", NAME, *study.words())


def test_what_the_protocol_says_itself_is_refused(study: Study, refused) -> None:
    base = ["run", "--protocol", NAME, *study.words("cityscapes", "acdc", "idd")]
    assert "--without DATA" in refused(*base, "--test", "acdc/fog")
    assert "--calibrate-on: relis-cvpr2023 decides this itself" in refused(*base, "--calibrate-on", "acdc/cal")
    assert "--reference" in refused(*base, "--reference", "acdc/cal")
    assert "did you mean 'idd'" in refused(*base, "--without", "iddd")
    assert "cityscapes/test is the reference" in refused(*base, "--without", "cityscapes")
    assert "cityscapes/test is the reference" in refused(*base, "--without", "cityscapes/test")
    assert "did you mean 'relis-cvpr2023'" in refused("run", "--protocol", "relis-cvpr23", *base[3:])
    assert "--data acd: not among the data sets of relis-cvpr2023; did you mean 'acdc'" in refused(
        *base, "--data", "acd=x"
    )
    assert "--data idd: not among the data sets" in refused(*base, "--without", "idd")
    assert "twice; give each of cityscapes, acdc, idd once" in refused(*base, "--data", "idd=x")
    narrowed = ["--data", f"idd={study.root / 'idd'},domain=val"]
    assert "relis-cvpr2023 names the domains" in refused("run", "--protocol", NAME, *base[3:7], *narrowed)
    assert "--without leaves out parts of a protocol" in refused("run", *base[3:], "--without", "idd")
    street = make_street(study.root / "street", cal=1, day=1, dusk=1)
    assert "not both" in refused("run", street.config, "--protocol", NAME)


def test_parts_that_are_left_out_are_gone_everywhere() -> None:
    protocol = read_protocol(NAME)
    content = protocol.without(["acdc/fog", "cityscapes/augmented"])
    domains = {d["name"]: list(d["domains"]) for d in content["datasets"]}
    assert domains["cityscapes"] == ["cal", "test"]
    assert domains["acdc"] == ["cal", "night", "rain", "snow", "test"]
    assert content["datasets"][1]["domains"]["test"] == {"union": ["night", "rain", "snow"]}
    assert "acdc/fog" not in content["test"]["on"]
    assert "cityscapes/augmented" not in {name for c in content["calibration"] for name in c["on"]}
    without_test = protocol.without(["acdc/test"])
    assert without_test["calibration"][1]["apply"] == ["acdc"]
    assert "pooled" not in without_test["test"]
    assert "pooled" in content["test"]
    only = protocol.without(["acdc", "idd"])
    assert [c["on"] for c in only["calibration"]] == [["cityscapes/cal"], ["cityscapes/augmented"]]
    assert len(only["calibration"][0]["methods"]) == 3
    assert only["test"]["on"] == ["cityscapes/test"]
    conditions = [f"acdc/{c}" for c in ("fog", "night", "rain", "snow")]
    none = protocol.without(conditions)
    assert list(none["datasets"][1]["domains"]) == ["cal"]
    assert ["acdc/cal"] not in [c["on"] for c in none["calibration"]]  # applied to nothing


def by_protocol(**options: object) -> dict:
    sets = [{"name": name, "root": "."} for name in ("cityscapes", "acdc", "idd")]
    models = [{"name": "net", "kind": "stored", "where": ".", "labels": "cityscapes"}]
    return read_protocol(NAME).configuration(models, sets, methods=["ts"], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"threads": 1, "device": "cpu", "batch": 2}, ["calibration.methods"]),
        ({"seed": 1}, ["calibration.methods", "seed"]),
        ({"metrics": ["segmentation"]}, ["calibration.methods", "metrics"]),
        ({"sample": {"per_image": 100}}, ["calibration.methods", "sample"]),
        ({"test": {"on": ["acdc/fog"], "reference": "cityscapes/test"}}, ["calibration.methods", "test"]),
        ({"protocol": {"name": NAME, "version": 1}}, ["version 1, compared with 2", "calibration.methods"]),
        (
            {"protocol": {"name": NAME, "version": 2, "reading": "text"}},
            ["datasets.cityscapes", "datasets.acdc", "datasets.idd", "calibration.methods", "test"],
        ),
    ],
)
def test_changes_are_found_by_comparing(change: dict, expected: list[str]) -> None:
    assert provenance(parse_config(by_protocol() | change))["changed"] == expected


def test_changed_data_is_found() -> None:
    content = by_protocol(scores=["margin"])
    content["datasets"][1]["missing"] = "skip"
    content["datasets"][2]["domains"] = {"cal": {"split": "val"}, "test": {"split": "train"}}
    content["datasets"].append({"name": "more", "spec": "camvid", "root": "."})
    content["calibration"] = content["calibration"][:2]
    del content["calibration"][1]["apply"]
    changed = provenance(parse_config(content))["changed"]
    expected = ["datasets.acdc", "datasets.idd", "with more", "calibration.on", "calibration.methods"]
    expected += ["calibration.apply", "scores"]
    assert changed == expected
    del content["datasets"][2]["domains"]["test"]
    content["test"]["on"].remove("idd/test")
    del content["test"]["pooled"]
    assert provenance(parse_config(content))["changed"][0] == "without idd/test"


def test_a_configuration_of_an_unknown_protocol_is_refused() -> None:
    config = parse_config(by_protocol() | {"protocol": {"name": "relis-cvpr2024", "version": 1}})
    with pytest.raises(ConfigError, match="did you mean 'relis-cvpr2023'"):
        provenance(config)


def test_no_protocol_is_no_provenance(tmp_path: Path) -> None:
    assert provenance(read_config(make_street(tmp_path, cal=1, day=1, dusk=1).config)) is None


READINGS = [(name, reading) for name in protocol_names() for reading in protocol_readings(name) or [None]]


@pytest.mark.parametrize(("name", "reading"), READINGS)
def test_a_protocol_that_ships_is_written_out_in_full(name: str, reading: str | None) -> None:
    protocol = read_protocol(name, reading)
    assert protocol.version >= 1
    assert protocol.about
    domains = set(protocol.domains())
    test = protocol.content["test"]
    named = {*test["on"], test["reference"], *(d for pool in test.get("pooled", {}).values() for d in pool)}
    named |= {d for c in protocol.content["calibration"] for d in (*c["on"], *c.get("apply", ()))}
    assert named <= domains
    assert not {"models", "protocol", "device", "threads", "batch", "limit"} & set(protocol.content)
    assert {"calibration", "scores", "metrics", "sample", "seed"} <= set(protocol.content)


@pytest.mark.parametrize(("name", "reading"), READINGS)
def test_a_protocol_that_ships_is_valid_as_it_is(name: str, reading: str | None) -> None:
    """All of its methods exist, and its own configuration is no change of it."""
    protocol = read_protocol(name, reading)
    sets = [{"name": d["name"], "root": "."} for d in protocol.content["datasets"]]
    models = [{"name": "net", "kind": "stored", "where": ".", "labels": "cityscapes"}]
    config = parse_config(protocol.configuration(models, sets))
    assert provenance(config)["changed"] == []


def test_the_study_has_its_37_scenes_and_five_calibration_sets() -> None:
    assert len(set(scenes())) == len(scenes()) == 37
    assert {"+".join(c["on"]) for c in read_protocol(NAME).content["calibration"]} == set(SETS)


def test_the_readings_differ_where_scripts_and_text_do_and_nowhere_else() -> None:
    scripts, text = (read_protocol(NAME, reading).content for reading in ("scripts", "text"))
    assert read_protocol(NAME).content == scripts
    assert {key for key in scripts if scripts[key] != text[key]} == {"datasets", "calibration", "test"}
    augmented = [content["datasets"][0]["domains"].pop("augmented")["augment"] for content in (scripts, text)]
    assert [(a["kind"], a["copies"]) for a in augmented] == [("photometric_relis", "15"), ("photometric", "3")]
    sizes = [[d.pop("resize", None) for d in content["datasets"]] for content in (scripts, text)]
    assert sizes == [[{"long": "2048", "short": "1024"}] * 3, [None, None, ["720", "1280"]]]
    assert scripts["datasets"] == text["datasets"]
    assert scripts["test"].pop("pooled") == {"acdc+idd": ["acdc/test", "idd/test"]}
    assert scripts["test"] == text["test"]
    methods = [[m for c in content["calibration"] for m in c["methods"]] for content in (scripts, text)]
    assert [m.replace(", features=max", "") for m in methods[0]] == methods[1]


def test_the_methods_are_the_scripts_own() -> None:
    """The seeds, the grid without shrinkage, 8 hard clusters by maximum; lts with its usual numbers."""
    methods = [m for c in read_protocol(NAME).content["calibration"] for m in c["methods"]]
    clusters = calibrator(texts_of_seeds(next(m for m in methods if m.startswith("cluster")))[1])
    assert clusters == calibrator("cluster-ts(k=8, objective=ece, shrinkage=0, features=max, seed=43)")
    assert not clusters.soft
    lts = calibrator(next(m for m in methods if m.startswith("lts")))
    assert (lts.seed, lts.epochs, lts.rate, lts.image_from) == (42, 10, 1e-4, 0)


def test_a_reading_is_chosen_in_the_command_and_said(study: Study, capsys: pytest.CaptureFixture[str], refused) -> None:
    base = ["check", "--protocol", NAME, *study.words("cityscapes", "acdc", "idd"), "--calibrate", "ts"]
    assert "has no reading 'texts'; did you mean 'text'" in refused(*base, "--reading", "texts")
    assert "--reading chooses how a protocol is read" in refused("check", *base[3:-2], "--reading", "text")
    assert command(*base, "--reading", "text") == 0
    lines = capsys.readouterr().err
    assert f"protocol {NAME}, version 2, reading text, changed: calibration.methods" in lines
    assert "cityscapes/augmented: 12 images and masks" in lines


def test_scenes_of_idd_are_found_in_all_splits_of_the_download(study: Study, tmp_path: Path) -> None:
    """One of the 37 lies in a split of its own; of the other splits nothing else is taken."""
    root = tmp_path / "idd"
    shutil.copytree(study.root / "idd", root)
    for kind in ("leftImg8bit", "gtFine"):
        (root / kind / "test").mkdir()
        (root / kind / "train" / "265").rename(root / kind / "test" / "265")
    domains = next(d for d in read_protocol(NAME).content["datasets"] if d["name"] == "idd")["domains"]
    opened = open_dataset(DataOptions("idd", root, domains=domains))
    samples = opened.domains["test"].samples
    assert len(samples) == 37
    assert {s.image.split("/")[1] for s in samples if s.scene == "265"} == {"test"}
    assert {s.scene for s in opened.domains["cal"].samples} == {"119", "4"}


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("list", "protocols") == 0
    line = capsys.readouterr().out
    assert f"{NAME}  version 2; " in line
    assert "; readings: scripts, text" in line


def test_what_ships_is_meant_though_a_folder_is_called_like_it(study: Study, tmp_path: Path, monkeypatch) -> None:
    """`spec: cityscapes` beside a folder `cityscapes` is the spec, also in the written configuration."""
    monkeypatch.chdir(study.root)
    words = ["--model", "stored:logits,labels=cityscapes", "--data", "cityscapes=cityscapes", "--limit", 1]
    assert command("run", *words, "--out", tmp_path / "out") == 0
    written = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert (written["datasets"][0]["spec"], written["models"][0]["labels"]) == ("cityscapes", "cityscapes")
    assert command("check", tmp_path / "out" / "config.yaml") == 0
