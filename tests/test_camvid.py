"""`examples/camvid.yaml` against numbers that were computed apart from this project, and against sorted pixels."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.reference import count_met, reference_numbers
from PIL import Image

import reliseg
from reliseg.config.schema import read_config
from reliseg.results import Results

ROOT = Path(__file__).parents[1]
NETWORKS = ("dabnet", "edanet")
CALIBRATIONS = ("identity", "ts@camvid/cal")
GROUPS = np.array([3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10])
SCORES = ("msp", "neg_entropy", "margin", "max_logit", "neg_energy")
WIDTHS = {"auroc": 1e-4, "aupr_success": 1e-4, "aurc": 1e-4, "fpr95": 2e-4, "aupr_error": 2e-4, "prr": 0.02}
WIDTHS_OF_OTHERS = {"auroc": 3e-4, "aupr_success": 3e-4, "aurc": 1e-4, "fpr95": 3e-4, "aupr_error": 3e-4, "prr": 0.06}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's run; the configuration as it stands, but for the place of the data and the study's metrics."""
    out = tmp_path_factory.mktemp("camvid") / "run"
    config = read_config(ROOT / "examples" / "camvid.yaml").model_dump(mode="json")
    for model in config["models"]:
        model["where"] = str(ROOT / "examples" / model["where"])
        model["weights"] = str(real_data / "weights" / Path(model["weights"]).name)
    config["datasets"][0]["root"] = str(real_data / "camvid")
    config["metrics"] = ["all", "compat_relis"]
    path = out.parent / "camvid.yaml"
    path.write_text(yaml.safe_dump(config))
    reliseg.run_config(path, out)
    return out


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return Results.read(folder / "results.json")


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_reference_number_is_met(results: Results, real_data: Path, network: str, calibration: str) -> None:
    expected = reference_numbers(real_data, f"{network}/day" + ("/ts" if calibration != "identity" else ""))
    assert count_met(results.where(model=network, domain="day", calibration=calibration), expected) == 47


@pytest.mark.parametrize("network", NETWORKS)
def test_the_temperature_is_that_of_the_reference(folder: Path, real_data: Path, network: str) -> None:
    reference = reference_numbers(real_data, f"{network}/cal")
    record = json.loads((folder / "calibrations" / network / "ts@camvid-cal.json").read_text())
    assert record["parameters"]["temperature"] == pytest.approx(reference["T"], abs=0.01)
    assert len(record["samples"]["camvid/cal"]) == len(record["images"]["camvid/cal"]) == 24


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_bracket_holds_the_sorted_pixels_and_is_narrow(
    folder: Path, results: Results, real_data: Path, network: str, calibration: str
) -> None:
    temperature = 1.0
    if calibration != "identity":
        record = json.loads((folder / "calibrations" / network / "ts@camvid-cal.json").read_text())
        temperature = record["parameters"]["temperature"]
    scores, right = sorted_pixels(real_data, network, temperature)
    rows = results.where(model=network, domain="day", calibration=calibration)
    for score in SCORES:
        exact = ranking(scores[score], right)
        widths = WIDTHS if score in ("msp", "margin") else WIDTHS_OF_OTHERS
        for metric, value in exact.items():
            (row,) = rows.where(metric=metric, score=score)
            unit = 100 if metric == "prr" else 1
            assert row.lo - 1e-6 * unit <= value <= row.hi + 1e-6 * unit, (score, metric, row, value)
            assert row.lo <= row.value <= row.hi
            assert row.hi - row.lo <= widths[metric], (score, metric)
    cumulative = {"ks": kolmogorov_smirnov(scores["msp"], right), "ada_ece": adaptive_ece(scores["msp"], right)}
    for metric, width in (("ks", 2e-5), ("ada_ece", 1e-3)):
        (row,) = rows.where(metric=metric)
        assert row.lo - 1e-6 <= cumulative[metric] <= row.hi + 1e-6, (metric, row, cumulative)
        assert row.hi - row.lo <= width


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_the_study_finds_nearly_the_same_calibration_and_another_prr(
    results: Results, network: str, calibration: str
) -> None:
    """3.6 % of these pixels are void, which the study's scripts count as errors."""
    rows = results.where(model=network, domain="day", calibration=calibration)
    assert rows.value("relis_ece") == rows.value("ece")
    for metric in ("ada_ece", "ks"):
        (row,) = rows.where(metric=f"relis_{metric}")
        assert row.value == pytest.approx(rows.value(metric), abs=1e-4)
        assert row.hi - row.lo <= 1e-3
    for score in ("msp", "neg_entropy"):
        (row,) = rows.where(metric="relis_prr", score=score)
        e = 1 - rows.value("pixel_accuracy")
        without_void = rows.value("prr", score=score) * (1 - e) / (1 - e / 100)
        assert without_void - 12 < row.value < without_void
        assert row.hi - row.lo <= WIDTHS_OF_OTHERS["prr"]


def test_dusk_is_a_shift(results: Results) -> None:
    """The dusk frames: brackets are as narrow there, and image-level OOD is measured against day."""
    for network in NETWORKS:
        rows = results.where(model=network, domain="dusk", calibration="identity")
        for metric, width in WIDTHS.items():
            (row,) = rows.where(metric=metric, score="msp")
            assert row.hi - row.lo <= width
        assert 0 <= rows.value("ood_auroc", score="msp") <= 1
        assert {r.n_images for r in rows} == {20}


def ranking(score: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Exact values over all pixels, ties as ties."""
    order = np.argsort(-score, kind="stable")
    ranked, correct = score[order], right[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp, n = np.cumsum(correct)[last], last + 1
    fp = n - tp
    left, true_before, false_before = (np.concatenate([[0], a[:-1]]) for a in (n, tp, fp))
    true, false = tp - true_before, fp - false_before
    auroc = (false * (true_before + true / 2)).sum() / (tp[-1] * float(fp[-1]))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(score) + 1))])
    rate = false / (n - left)
    aurc = (n - left) * rate + (false_before - left * rate) * (harmonic[n] - harmonic[left])
    return {
        "auroc": auroc,
        "prr": 100 * (2 * auroc - 1),
        "aupr_success": (true * tp / n).sum() / tp[-1],
        "aupr_error": (false * (fp[-1] - false_before) / (n[-1] - left)).sum() / fp[-1],
        "fpr95": fp[np.argmax(tp >= 0.95 * tp[-1])] / fp[-1],
        "aurc": aurc.sum() / len(score),
    }


def kolmogorov_smirnov(confidence: np.ndarray, right: np.ndarray) -> float:
    order = np.argsort(confidence, kind="stable")
    path = np.cumsum(confidence[order] - right[order])
    distinct = np.append(np.diff(confidence[order]) > 0, True)
    return float(np.abs(path[distinct]).max() / len(path))


def adaptive_ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """No tie crosses a boundary here but among confidences of exactly 1 (none in these networks)."""
    order = np.argsort(confidence, kind="stable")
    groups = np.array_split((confidence - right)[order], 15)
    return float(sum(abs(g.sum()) for g in groups) / len(order))


def sorted_pixels(data: Path, network: str, temperature: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores and correctness of every counted pixel of the day frames, in float64 from the network's output."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*SCORES, "right")}
    for logits, mask in frames(data, network):
        z = torch.nn.functional.interpolate(logits.double()[None], mask.shape, mode="bilinear", align_corners=True)[0]
        z = z.reshape(19, -1).numpy()[:, mask.ravel() < 11]
        label = mask.ravel()[mask.ravel() < 11]
        grouped = np.stack([log_sum(z[g == GROUPS]) for g in range(11)]) / temperature
        energy = log_sum(grouped)
        log_p = grouped - energy
        p = np.exp(log_p)
        top = np.sort(p, axis=0)[-2:]
        parts["msp"].append(top[1])
        parts["margin"].append(top[1] - top[0])
        parts["neg_entropy"].append((p * log_p).sum(axis=0))
        parts["max_logit"].append(grouped.max(axis=0))
        parts["neg_energy"].append(energy)
        parts["right"].append(grouped.argmax(axis=0) == label)
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return joined, joined.pop("right")


def log_sum(z: np.ndarray) -> np.ndarray:
    top = z.max(axis=0)
    return top + np.log(np.exp(z - top).sum(axis=0))


@cache
def frames(data: Path, network: str) -> list[tuple[torch.Tensor, np.ndarray]]:
    """The outputs of a network, run once for both calibrations, and the masks."""
    return list(_run(data, network))


def _run(data: Path, network: str) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
    spec = spec_from_file_location(network, ROOT / "examples" / "own_model" / f"{network}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    net = module.build().eval()
    weights = data / "weights" / f"{network}_cityscapes.pth"
    net.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu")["state_dict"])
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for path in sorted((data / "camvid" / "test").glob("Seq05VD*.png")):
        image = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            logits = net(((image - mean) / std)[None])[0]
        yield logits, np.array(Image.open(data / "camvid" / "testannot" / path.name))
