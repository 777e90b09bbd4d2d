"""Whole runs on stored predictions: probabilities against an independent reading of them, and saved ones read again."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import reliseg
from reliseg.config.schema import read_config
from reliseg.errors import IncompleteError, ModelError, ReliSegError
from reliseg.models import prediction_files
from reliseg.plan.build import plan_from_config
from reliseg.results import Results, Row
from reliseg.run.execute import Run

SIZE = (24, 32)
MODEL, DATA = ("soil", "crop", "weed", "sky"), ("soil", "plant")
GROUPS = (0, 1, 1, -1)
TINY = 2.0**-149


def classes_file(path: Path, classes: Sequence[str]) -> Path:
    path.write_text(f"classes = {list(classes)}\n".replace("'", '"'))
    return path


def probabilities(seed: int, native: tuple[int, int]) -> np.ndarray:
    """Sure pixels, ties, zeros and numbers below float32's normal ones."""
    g = np.random.default_rng(seed)
    z = g.normal(0, g.choice([0.3, 3, 25], native), (len(MODEL), *native))
    z[1, g.random(native) < 0.1] = -200
    p = np.exp(z - z.max(axis=0))
    p[(g.random(p.shape) < 0.15) & (p < 1)] = 0
    p[:, g.random(native) < 0.1] = 0.25
    return (p / p.sum(axis=0)).astype(np.float32)


def write_images(root: Path, day: str, number: int) -> list[np.ndarray]:
    truths = []
    for i in range(number):
        g = np.random.default_rng([i, *day.encode()])
        truth = g.integers(0, len(DATA), SIZE).astype(np.uint8)
        truth[g.random(SIZE) < 0.1] = 255
        for folder, array in (("images", g.integers(0, 255, (*SIZE, 3), np.uint8)), ("masks", truth)):
            path = root / folder / day / f"{i:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
        truths.append(truth)
    return truths


def configuration(folder: Path, **model: object) -> Path:
    classes_file(folder / "field.toml", MODEL)
    classes_file(folder / "plants.toml", DATA)
    label_map = {"known": {0: 0, 1: 1}, "void": [255]}
    content = {
        "models": [{"name": "net", "kind": "stored", "where": "predictions", "labels": "field.toml", **model}],
        "datasets": [
            {
                "name": "photos",
                "spec": "folder",
                "root": "photos",
                "labels": "plants.toml",
                "label_map": label_map,
                "projection": {"field": list(GROUPS)},
                "domains": {"day": {"scenes": ["day"]}},
            }
        ],
        "metrics": ["all"],
    }
    path = folder / "field.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def rows_of(results: Results, metric: str, score: str = "") -> Row:
    (row,) = [
        r
        for r in results.rows
        if (r.metric, r.score, r.class_, r.calibration) == (metric, score, "", "identity")
        and "known-pixels" not in r.definition
    ]
    return row


def exact_numbers(ps: list[np.ndarray], truths: list[np.ndarray]) -> dict[str, float]:
    """The numbers of all pixels, from their definitions in float64: p, upsampled by torch, then projected."""
    columns, labels = [], []
    for p, truth in zip(ps, truths, strict=True):
        full = torch.nn.functional.interpolate(torch.from_numpy(p).double()[None], size=SIZE, mode="bilinear")[0]
        q = np.maximum(full.numpy(), TINY).reshape(len(p), -1)
        columns.append(np.stack([q[0], q[1] + q[2], q[3]]))
        labels.append(truth.ravel())
    q, truth = np.concatenate(columns, axis=1), np.concatenate(labels)
    q, truth = q[:, truth < 255], truth[truth < 255].astype(int)
    q = q / q.sum(axis=0)
    top, guess = q.max(axis=0), q.argmax(axis=0)
    right = guess == truth
    bins = np.clip(np.searchsorted(np.arange(16) / 15, top, side="left") - 1, 0, 14)
    gaps = [abs((right[bins == b] - top[bins == b].astype(float)).sum()) for b in range(15)]
    ious = []
    for c in range(len(DATA)):
        hit = ((guess == c) & (truth == c)).sum()
        ious.append(hit / ((guess == c) | (truth == c)).sum())
    order = np.argsort(-top, kind="stable")
    one_hot = np.eye(3)[truth].T
    entropy = -(q * np.log(np.maximum(q, 1e-300))).sum(axis=0)
    second = np.sort(q, axis=0)[-2]
    own = q[truth, np.arange(len(truth))]
    del order
    return {
        "miou": float(np.mean(ious)),
        "ece": sum(gaps) / len(truth),
        "brier": float(((q - one_hot) ** 2).sum(axis=0).mean()),
        "auroc msp": roc_auc_score(right, top),
        "auroc neg_entropy": roc_auc_score(right, -entropy),
        "auroc margin": roc_auc_score(right, top - second),
        "aupr_success msp": average_precision_score(right, top),
        "impossible": int((own <= 2.1 * TINY).sum()),
        "nll": float(-np.log(own).mean()),
    }


@pytest.mark.slow
@pytest.mark.parametrize("native", [(24, 32), (12, 16), (6, 8), (5, 7)])
@pytest.mark.parametrize("form", ["npz", "npy", "double"])
def test_probabilities_give_the_numbers_of_an_independent_reading(
    tmp_path: Path, native: tuple[int, int], form: str
) -> None:
    truths = write_images(tmp_path / "photos", "day", 3)
    ps = [probabilities(i, native) for i in range(3)]
    (tmp_path / "predictions" / "day").mkdir(parents=True)
    for i, p in enumerate(ps):
        path = tmp_path / "predictions" / "day" / f"{i:03}"
        if form == "npy":
            np.save(path.with_suffix(".npy"), p)
        else:
            np.savez(path.with_suffix(".npz"), probabilities=p.astype(np.float64) if form == "double" else p)
    config = configuration(tmp_path, **({"values": "probabilities"} if form == "npy" else {}))
    results = reliseg.run_config(config, tmp_path / "out")
    exact = exact_numbers(ps, truths)
    for metric, score in (("miou", ""), ("ece", "msp"), ("brier", "")):
        assert rows_of(results, metric, score).value == pytest.approx(exact[metric], abs=2e-6), metric
    for key in ("auroc msp", "auroc neg_entropy", "auroc margin", "aupr_success msp"):
        row = rows_of(results, *key.split())
        assert row.lo - 1e-6 <= exact[key] <= row.hi + 1e-6, key
    nll = rows_of(results, "nll")
    assert exact["impossible"] > 0
    assert math.isnan(nll.value)
    assert nll.why == f"the label has probability 0 in {exact['impossible']} counted pixels, so it is infinite"
    without = [r for r in results.rows if r.score in ("max_logit", "neg_energy")]
    assert len(without) > 20
    assert {(math.isnan(r.value), r.why) for r in without} == {
        (True, "the model gives probabilities, and this score needs logits")
    }


@pytest.mark.slow
def test_probabilities_without_a_zero_have_an_nll_and_the_numbers_of_their_logits(tmp_path: Path) -> None:
    truths = write_images(tmp_path / "photos", "day", 2)
    z = [np.random.default_rng(i).normal(0, 12, (4, *SIZE)).astype(np.float32) for i in range(2)]
    for folder, name, change in (("a", "logits", lambda x: x), ("b", "probabilities", softmax)):
        for i, logits in enumerate(z):
            path = tmp_path / folder / "day" / f"{i:03}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **{name: change(logits)})
    results = [
        reliseg.run_config(configuration(tmp_path, where=folder), tmp_path / f"out-{folder}") for folder in ("a", "b")
    ]
    assert len(truths) == 2
    for before, after in zip(*(r.rows for r in results), strict=True):
        if before.score not in ("max_logit", "neg_energy"):
            assert after.value == pytest.approx(before.value, rel=2e-6, abs=2e-6, nan_ok=True), before
    assert not math.isnan(rows_of(results[1], "nll").value)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def saved_run(config: Path, out: Path) -> Results:
    checked = read_config(config)
    from reliseg.config.schema import render_config

    text = render_config(checked, config.parent)
    return Run(plan_from_config(checked, config.parent), out, text, save=("logits",)).execute()


def numbers(results: Results) -> list[tuple[object, ...]]:
    return [
        (r.dataset, r.domain, r.calibration, r.score, r.metric, r.class_, repr(r.value), repr(r.lo), repr(r.hi), r.why)
        for r in results.rows
    ]


LAYOUTS = {
    "one domain": [("photos", ("day",))],
    "several domains": [("photos", ("day", "fog", "night"))],
    "several data sets with equal ids": [("photos", ("day", "fog")), ("more", ("day",))],
}


@pytest.mark.slow
@pytest.mark.parametrize("values", ["logits", "probabilities"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_saved_predictions_give_the_results_they_were_saved_from(
    tmp_path: Path, layout: str, values: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_files, "_sufficient_type", lambda logits: np.float32)
    content = yaml.safe_load(configuration(tmp_path).read_text())
    (first,) = content["datasets"]
    content["datasets"] = []
    for n, (name, days) in enumerate(LAYOUTS[layout]):
        domains = {day: {"scenes": [day]} for day in days}
        content["datasets"].append({**first, "name": name, "root": name, "domains": domains})
        for d, day in enumerate(days):
            write_images(tmp_path / name, day, 2)
            for i in range(2):
                path = tmp_path / "predictions" / name / day / day / f"{i:03}.npz"
                path.parent.mkdir(parents=True, exist_ok=True)
                p = probabilities(10 * n + 3 * d + i, (6, 8))
                np.savez(path, **{values: p if values == "probabilities" else np.log(p + 0.01).astype(np.float32)})
    config = tmp_path / "field.yaml"
    config.write_text(yaml.safe_dump(content))
    before = saved_run(config, tmp_path / "first")
    content["models"][0]["where"] = "first/saved/net"
    config.write_text(yaml.safe_dump(content))
    again = reliseg.run_config(config, tmp_path / "second")
    assert numbers(again) == numbers(before)
    assert len(before.rows) > 50


@pytest.mark.slow
def test_predictions_of_another_scene_are_refused_with_the_names_needed(tmp_path: Path) -> None:
    write_images(tmp_path / "photos", "day", 1)
    path = tmp_path / "predictions" / "fog" / "000.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, logits=np.zeros((4, 6, 8), np.float32))
    with pytest.raises(ModelError, match=r"predictions/day/000\.npz is needed, and fog/000\.npz is not called like it"):
        reliseg.run_config(configuration(tmp_path), tmp_path / "out")


@pytest.mark.slow
def test_a_pixel_that_does_not_sum_to_1_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "photos", "day", 2)
    (tmp_path / "predictions" / "day").mkdir(parents=True)
    for i in range(2):
        p = probabilities(i, (6, 8))
        p[:, 3, 5] *= 1 - i / 10
        np.savez(tmp_path / "predictions" / "day" / f"{i:03}.npz", probabilities=p)
    with pytest.raises(IncompleteError, match=r"sum to 0\.9 in row 3, column 5"):
        reliseg.run_config(configuration(tmp_path), tmp_path / "out")


METHODS = (
    *("ts", "class-ts", "vector", "dirichlet", "isotonic", "histogram", "selective", "ensemble-ts"),
    *("cms", "cms-ap", "cms-op", "cluster-ts(k=2)"),
)


def calibrated(folder: Path, methods: Sequence[str], features: Sequence[np.ndarray]) -> Path:
    """A configuration that fits methods on probabilities with zeros, whose files hold these features."""
    config = configuration(folder)
    content = yaml.safe_load(config.read_text())
    write_images(folder / "photos", "day", 4)
    write_images(folder / "photos", "fog", 4)
    content["datasets"][0]["domains"]["fog"] = {"scenes": ["fog"]}
    content["calibration"] = [{"on": ["photos/day"], "methods": list(methods)}]
    content["metrics"] = ["likelihood", "calibration_error", "flips"]
    config.write_text(yaml.safe_dump(content))
    for i in range(8):
        path = folder / "predictions" / ("day", "fog")[i // 4] / f"{i % 4:03}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, probabilities=probabilities(i, SIZE), feature=features[i])
    return config


@pytest.mark.slow
def test_every_method_is_fitted_on_log_probabilities(tmp_path: Path) -> None:
    features = np.random.default_rng(0).uniform(0, 1, (8, 5)).astype(np.float32)
    results = reliseg.run_config(calibrated(tmp_path, METHODS, list(features)), tmp_path / "out")
    assert len({r.calibration for r in results.rows}) >= 1 + len(METHODS)
    for row in results.rows:
        if row.metric == "nll":
            assert row.why.startswith("the label has probability 0 in "), row
        if row.metric in ("ece", "brier"):
            assert 0 <= row.value < 1, row


@pytest.mark.slow
@pytest.mark.parametrize("spoilt", [np.zeros(4, np.float32), np.float32([0, 1, np.nan, 2, 3])])
@pytest.mark.parametrize("place", [1, 6])
def test_features_that_do_not_fit_are_refused_where_they_are_used(
    tmp_path: Path, spoilt: np.ndarray, place: int
) -> None:
    features = list(np.random.default_rng(0).uniform(0, 1, (8, 5)).astype(np.float32))
    features[place] = spoilt
    (tmp_path / "a").mkdir()
    reliseg.run_config(calibrated(tmp_path / "a", ["ts"], features), tmp_path / "ts")
    with pytest.raises(ReliSegError, match=r"5 finite numbers"):
        reliseg.run_config(calibrated(tmp_path / "a", ["cluster-ts(k=2)"], features), tmp_path / "clusters")
