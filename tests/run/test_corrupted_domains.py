"""Whole runs over corrupted domains: what the network sees, what is stored, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import piece_files
from helpers.street import Street, add_depth, make_street
from PIL import Image

import reliseg
from reliseg.data import decode
from reliseg.errors import IncompleteError, ReliSegError
from reliseg.results import Results
from reliseg.results.corruptions import read_corruptions

NETWORK = """
import torch

def build():
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 11, 3, padding=1)
"""


def with_network(street: Street, **sections: object) -> Street:
    (street.root / "net.py").write_text(NETWORK)
    content = street.content() | {"metrics": ["segmentation", "calibration_error", "drop"], "scores": ["msp"]}
    content["models"] = [{"name": "net", "kind": "python", "where": "net.py:build", "labels": "camvid"}]
    street.write(content | sections)
    return street


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    street = make_street(tmp_path_factory.mktemp("street"), cal=2, day=3, dusk=2)
    return with_network(
        street,
        calibration=[{"on": [f"street/cal{more}"], "methods": ["ts"]} for more in ("", "+fog-3")],
        corrupt={"of": "street/day", "kinds": ["contrast", "jpeg_compression"], "severities": [1, 5]},
    )


@pytest.fixture(scope="module")
def whole(street: Street) -> Path:
    reliseg.run_config(street.config, out := street.root / "whole", workers=1)
    return out


def digests(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in ("results.csv", "images.csv", "corruptions.csv")}


def test_each_kind_at_each_severity_has_rows_and_worse_ones(whole: Path) -> None:
    results = Results.read(whole)
    domains = ["day", "dusk", *(f"day+{kind}-{s}" for kind in ("contrast", "jpeg_compression") for s in (1, 5))]
    assert {row.domain for row in results} == set(domains)
    calibrations = {"identity", "ts@street/cal", "ts@street/cal+fog-3"}
    assert {row.calibration for row in results.where(domain="day+contrast-5")} == calibrations
    values = [results.value("ece", domain=d, calibration="identity") for d in domains]
    assert len(set(values)) == len(values)
    drop = results.value("drop_ece", domain="day+contrast-5", calibration="identity")
    assert drop == pytest.approx(values[3] - values[0])


def test_a_table_says_what_corruptions_cost(whole: Path) -> None:
    rows = {
        (r.kind, r.severity): r
        for r in read_corruptions(whole)
        if (r.calibration, r.metric, r.score) == ("identity", "ece", "msp")
    }
    clean, found = (
        Results.read(whole).value("ece", domain=f"day{m}", calibration="identity") for m in ("", "+contrast-5")
    )
    row = rows["contrast", "5"]
    assert (row.at, row.domain, row.value, row.clean) == ("day+contrast-5", "day", found, clean)
    assert row.degradation == found - clean
    assert rows["all", "mean"].value == pytest.approx(
        sum(rows[k, s].value for k, s in rows if s in ("1", "5") and k != "all") / 4
    )


def test_the_network_sees_what_reliseg_corrupt_writes(street: Street, whole: Path, command, tmp_path: Path) -> None:
    path = street.image("train", 1001 - 1)
    words = ("--kind", "contrast", "--severity", "5", "--id", f"s{1000 // 7}/{path.stem}")
    assert command("corrupt", path, "--out", tmp_path / "shown.png", *words)[0] == 0
    config = street.content() | {"test": {"on": ["street/day+contrast-5"]}, "calibration": [], "corrupt": []}
    (street.root / "saved.yaml").write_text(json.dumps(config))
    reliseg.run_config(street.root / "saved.yaml", tmp_path / "run", save=("image",))
    (saved,) = (tmp_path / "run" / "saved").rglob(f"{path.stem}*image*")
    assert np.array_equal(np.asarray(decode.load_image(saved)), np.asarray(decode.load_image(tmp_path / "shown.png")))


def test_provenance_says_kind_severity_seed_and_library(whole: Path) -> None:
    domains = json.loads((whole / "manifest.json").read_text())["domains"]
    assert domains["street/day+contrast-5"]["corruption"] == {
        "kind": "contrast",
        "severity": 5,
        "seed": 0,
        "version": 1,
    }
    assert domains["street/day+jpeg_compression-1"]["corruption"]["library"].startswith("libjpeg")
    assert "corruption" not in domains["street/day"]


def test_workers_and_batches_in_any_order_change_nothing_and_nothing_is_counted_again(
    street: Street, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reliseg.run_config(street.config, again := street.root / "again", workers=4)
    assert digests(again) == digests(whole)
    monkeypatch.setattr("reliseg.run.predict.stream.load_clean", None)
    reliseg.run_config(street.config, whole)
    assert digests(again) == digests(whole)


def test_an_image_that_is_corrupted_in_several_ways_is_decoded_once(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    load = decode.load_clean

    def watch(dataset, sample, **options):
        decoded.append(sample.id)
        return load(dataset, sample, **options)

    monkeypatch.setattr("reliseg.run.predict.stream.load_clean", watch)
    config = street.content() | {"test": {"on": ["street/day", "street/dusk"]}, "calibration": []}
    (street.root / "once.yaml").write_text(json.dumps(config))
    reliseg.run_config(street.root / "once.yaml", tmp_path / "run", workers=2)
    assert sorted(decoded) == sorted(set(decoded))
    assert len(decoded) == 2 + 3  # of dusk, and of day as it is and in four ways


def test_another_seed_is_another_image_and_counted_anew(street: Street, tmp_path: Path) -> None:
    files = []
    for seed in (0, 0, 1):
        config = street.content() | {"test": {"on": ["street/day+shot_noise-3"]}, "calibration": [], "seed": seed}
        (street.root / "seed.yaml").write_text(json.dumps(config | {"corrupt": []}))
        reliseg.run_config(street.root / "seed.yaml", tmp_path / "run")
        files.append(len(piece_files(tmp_path / "run")))
    assert files[0] == files[1] < files[2]


def test_what_is_written_of_the_configuration_gives_the_same_again(street: Street, whole: Path, tmp_path: Path) -> None:
    text = (whole / "config.yaml").read_text()
    assert "corrupt:" in text
    reliseg.run_config(whole / "config.yaml", tmp_path / "run")
    assert digests(tmp_path / "run") == digests(whole)


def test_a_configuration_without_corruptions_says_nothing_of_them(street: Street, tmp_path: Path) -> None:
    config = street.content() | {"test": {"on": ["street/dusk"]}, "calibration": [], "corrupt": []}
    (street.root / "plain.yaml").write_text(json.dumps(config))
    reliseg.run_config(street.root / "plain.yaml", tmp_path / "run")
    assert not (tmp_path / "run" / "corruptions.csv").exists()
    for name in ("config.yaml", "manifest.json"):
        assert "corrupt" not in (tmp_path / "run" / name).read_text()


def test_stored_predictions_are_of_clean_images_and_refused_in_one_line(tmp_path: Path, command) -> None:
    street = make_street(tmp_path, cal=1, day=2, dusk=1)
    street.write(street.content() | {"corrupt": {"of": "street/day", "kinds": ["fog"]}})
    for verb in (("run", "--out", tmp_path / "run"), ("check",)):
        code, _, err = command(verb[0], street.config, *verb[1:])
        assert code == 2
        (line,) = [line for line in err.splitlines() if line.startswith("reliseg: ")]
        assert (
            "model net: it reads stored predictions, which are of clean images, and street/day+fog-1 has none" in line
        )


def test_a_loaded_calibration_is_not_tested_on_its_own_images_corrupted(
    street: Street, whole: Path, tmp_path: Path
) -> None:
    config = street.content() | {
        "calibration": [{"load": str(whole / "calibrations")}],
        "test": {"on": ["street/cal+snow-1"]},
        "corrupt": [],
    }
    (street.root / "loaded.yaml").write_text(json.dumps(config))
    with pytest.raises((ReliSegError, IncompleteError), match="fitted on"):
        reliseg.run_config(street.root / "loaded.yaml", tmp_path / "run")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """A street with depth maps, in fog of two severities beside the same without depth."""
    street = with_network(make_street(tmp_path_factory.mktemp("deep"), cal=1, day=2, dusk=1), calibration=[])
    content = street.content()
    content["datasets"][0]["spec"] = add_depth(street).name
    street.write(
        content
        | {
            "test": {"on": ["street/day"], "reference": "street/day"},
            "corrupt": {"of": "street/day", "kinds": ["fog", "depth_fog"], "severities": [1, 5]},
        }
    )
    reliseg.run_config(street.config, street.root / "run", workers=2)
    return street


def test_fog_from_depth_is_a_corruption_like_others_and_provenance_says_how_metres_were_made(deep: Street) -> None:
    rows = [r for r in read_corruptions(deep.root / "run") if (r.metric, r.kind) == ("miou", "depth_fog")]
    assert [r.severity for r in rows] == ["1", "5", "mean", "worst"]
    domains = json.loads((deep.root / "run" / "manifest.json").read_text())["domains"]
    assert domains["street/day+depth_fog-5"]["depth"] == {
        "stores": "metres",
        "offset": 0.0,
        "scale": 100.0,
        "holes": [0],
        "focal": None,
        "baseline": None,
        "center": [],
    }
    assert "depth" not in domains["street/day+fog-5"]


def test_only_what_reads_a_depth_map_is_counted_again_when_it_changes(deep: Street, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(deep.root / "run", run)
    reliseg.run_config(deep.config, run)
    before = piece_files(run)
    path = next((deep.root / "data" / "traindepth").glob("*.png"))
    kept = path.read_bytes()
    Image.fromarray(np.asarray(Image.open(path)) + np.uint16(400)).save(path)
    reliseg.run_config(deep.config, run)
    path.write_bytes(kept)
    new = {file.parent.name for file in set(piece_files(run)) - set(before)}
    assert len(set(piece_files(run)) - set(before)) == len(new) == 2


def test_another_scale_of_depth_maps_is_another_corruption(deep: Street, tmp_path: Path) -> None:
    run, spec = tmp_path / "run", deep.root / "deep.toml"
    shutil.copytree(deep.root / "run", run)
    number, text = len(piece_files(run)), spec.read_text()
    spec.write_text(text.replace("scale = 100", "scale = 50"))
    reliseg.run_config(deep.config, run)
    spec.write_text(text)
    assert len(piece_files(run)) == number + 2


def test_check_looks_at_the_depth_maps_and_names_one_that_lacks(deep: Street, command) -> None:
    path = next((deep.root / "data" / "traindepth").glob("*.png"))
    kept = path.read_bytes()
    for change, message in (
        (lambda: path.write_bytes(kept[:40]), str(path)),
        (path.unlink, "street/day+depth_fog-1: 1 image without depth map"),
    ):
        change()
        code, _, err = command("check", deep.config)
        assert code == 2
        assert message in err
    path.write_bytes(kept)
    assert command("check", deep.config)[0] == 0
