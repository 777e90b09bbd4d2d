"""Calibrations of a real network: what they do to the frames they are fitted on, and again from saved logits."""

import csv
from pathlib import Path

import pytest
import yaml

import reliseg
from reliseg.calibration.records.record import read_records
from reliseg.config.schema import read_config, render_config
from reliseg.plan.build import plan_from_config
from reliseg.results import Results
from reliseg.run.execute import Run

ROOT = Path(__file__).parents[1]
ONE, FOUR, FREE = "cluster_ts(k=1)", "cluster_ts(k=4,seed=42)", "cluster_ts(k=4,shrinkage=0,seed=42)"
METHODS = ("ts", "class_ts", ONE, FOUR, FREE, "isotonic")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one network on eight frames of each domain, fitted on all pixels; its logits are saved."""
    out = tmp_path_factory.mktemp("camvid") / "run"
    config = read_config(ROOT / "examples" / "camvid.yaml").model_dump(mode="json")
    config["models"] = config["models"][:1]
    config["models"][0]["where"] = str(ROOT / "examples" / config["models"][0]["where"])
    config["models"][0]["weights"] = str(real_data / "weights" / "dabnet_cityscapes.pth")
    config["datasets"][0]["root"] = str(real_data / "camvid")
    config["calibration"] = [{"on": ["camvid/cal"], "methods": list(METHODS)}]
    config |= {"limit": 8, "threads": 1, "sample": {"per_image": "all"}, "scores": ["msp"]}
    path = out.parent / "camvid.yaml"
    path.write_text(yaml.safe_dump(config))
    checked = read_config(path)
    Run(plan_from_config(checked, path.parent), out, render_config(checked, path.parent), save=("logits",)).execute()
    return out


@pytest.fixture(scope="module")
def losses(folder: Path) -> dict[str, float]:
    """The negative log-likelihood of all pixels that each method was fitted on."""
    with (folder / "fits.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "nll"]
    assert len({row["before"] for row in rows}) == 1
    found = {row["calibration"].partition("@")[0]: float(row["after"]) for row in rows}
    return found | {"identity": float(rows[0]["before"])}


def test_the_likelihood_loss_of_the_fitting_data_falls(losses: dict[str, float]) -> None:
    assert losses["ts"] < losses["identity"]
    assert losses["class_ts"] < losses["ts"]
    assert losses[FREE] < losses[FOUR] <= losses["ts"]
    assert losses[ONE] == pytest.approx(losses["ts"], rel=1e-9)


def test_one_cluster_is_temperature_scaling(folder: Path) -> None:
    found = {r.method: r.calibration.parameters() for r in read_records(folder)["dabnet"]}
    assert float(found[ONE]["temperatures"][0][0]) == pytest.approx(found["ts"]["temperature"], rel=1e-9)
    free = [float(t[0]) for t in found[FREE]["temperatures"]]
    assert min(free) < found["ts"]["temperature"] < max(free)


def test_calibrations_are_fitted_again_without_the_network(folder: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    stored = {"name": "dabnet", "kind": "stored", "where": str(folder / "saved" / "dabnet" / "camvid")}
    config["models"] = [stored | {"labels": "cityscapes"}]
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(config))
    second = reliseg.run_config(tmp_path / "again.yaml", tmp_path / "again")
    first = Results.read(folder / "results.json")
    for method in METHODS:
        for domain in ("day", "dusk"):
            for metric in ("nll", "ece", "prr", "miou"):
                where = {"domain": domain, "calibration": f"{method}@camvid/cal"}
                expected = first.value(metric, **where)
                assert second.value(metric, **where) == pytest.approx(expected, rel=2e-3, abs=2e-4), (method, metric)
