"""The table of images: what its lines add up to is what the results say."""

import math

import numpy as np
import pytest
from helpers.street import Street, ask_for_all, make_street

import reliseg
from reliseg.plan import shards
from reliseg.results import Results, read_csv


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Street, Results, list[dict[str, str]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_SIZE", 7)
        street = ask_for_all(make_street(tmp_path_factory.mktemp("street"), cal=6, day=20, dusk=60))
        results = reliseg.run_config(street.config, street.root / "out")
        return street, results, read_csv(street.root / "out" / "images.csv")


def column(lines, name):
    return np.array([float(line[name]) if line[name] else np.nan for line in lines])


def test_each_image_has_a_line_for_each_calibration_in_the_order_of_ids(run):
    _, _, lines = run
    seen = [(line["domain"], line["calibration"]) for line in lines]
    assert {key: seen.count(key) for key in dict.fromkeys(seen)} == {
        ("day", "identity"): 20, ("day", "ts@street/cal"): 20, ("dusk", "identity"): 60, ("dusk", "ts@street/cal"): 60,
    }  # fmt: skip
    names = [line["sample"] for line in lines if seen[0] == (line["domain"], line["calibration"])]
    assert names == sorted(names)
    first = lines[0]
    assert first["sample"] == f"{first['scene']}/{first['image'].removeprefix('train/').removesuffix('.png')}"
    assert first["mask"] == first["image"].replace("train", "trainannot")


@pytest.mark.parametrize("domain", ["day", "dusk"])
@pytest.mark.parametrize("calibration", ["identity", "ts@street/cal"])
def test_lines_add_up_to_the_numbers_of_the_domain(run, domain, calibration):
    _, results, lines = run
    mine = [line for line in lines if (line["domain"], line["calibration"]) == (domain, calibration)]
    pixels = column(mine, "n_pixels")

    def value(metric, **more):
        return results.value(metric, domain=domain, calibration=calibration, **more)

    def pooled(name):
        return (column(mine, name) * pixels).sum() / pixels.sum()

    assert pooled("accuracy") == pytest.approx(value("pixel_accuracy"), rel=1e-12)
    assert pooled("nll") == pytest.approx(value("nll"), rel=1e-9)
    assert 1 - pooled("rejected") == pytest.approx(value("transfer_coverage95", score="msp"), rel=1e-9)
    assert column(mine, "miou").mean() == pytest.approx(value("image_miou"), rel=1e-12)
    assert column(mine, "ece").mean() == pytest.approx(value("image_ece"), rel=1e-12)
    assert column(mine, "mean_margin").mean() == pytest.approx(value("score_mean", score="margin"), rel=1e-12)
    for limit in ("confident_error90", "confident_error99"):
        rows = [r for r in results.where(metric=limit, domain=domain, calibration=calibration) if not r.why]
        shares = {
            r.class_: r.value for r in results.where(metric="class_share", domain=domain, calibration=calibration)
        }
        expected = sum(r.value * shares[r.class_] for r in rows)
        assert pooled(limit) == pytest.approx(expected, abs=2 / pixels.sum())  # one fine bin holds the limit


def test_iou_is_of_the_classes_that_stand_in_the_annotation(run):
    for line in run[2][:5]:
        iou = {name.removeprefix("iou_"): float(v) for name, v in line.items() if name.startswith("iou_") and v}
        assert np.mean(list(iou.values())) == pytest.approx(float(line["miou"]))


def test_without_calibration_split_nothing_is_rejected_and_the_column_is_empty(tmp_path):
    street = ask_for_all(make_street(tmp_path / "street", cal=3, day=3, dusk=3))
    content = street.content()
    del content["calibration"]
    street.write(content)
    reliseg.run_config(street.config, tmp_path / "out")
    lines = read_csv(tmp_path / "out" / "images.csv")
    assert {line["rejected"] for line in lines} == {""}
    assert not math.isnan(float(lines[0]["miou"]))
