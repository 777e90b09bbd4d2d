"""The folder of a run that never took place: numbers that look like those of street scenes, in the formats of a run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.report.quantities import known_quantities
from reliseg.results import Origin, Results, Row, Value, csv_line
from reliseg.results.corruptions import CorruptedDomain, corruption_rows, corruptions_text
from reliseg.results.names import CORRUPTIONS_FILE, INDEX_FILE, PICTURES_FOLDER
from reliseg.results.pictures import ConfidencePicture, PictureClasses, PictureEntry, PictureIndex, ScenePicture
from reliseg.run.measure.curves import COVERAGES

LABELS = (
    *(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
    ),
    *("sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
SCORES = ("msp", "neg_entropy", "margin", "max_logit", "neg_energy")
_RANKED = ("prr", "auroc", "fpr95", "aurc", "risk95", "transfer_risk95", "transfer_coverage95", "ood_auroc")
_BINS = 15
_PIXELS = 200_000


@dataclass(frozen=True)
class Shape:
    """What is in the run: names, and how many images a domain has. The first domain is the reference."""

    models: Sequence[str] = ("dabnet", "edanet")
    domains: Sequence[str] = ("day", "dusk")
    calibrations: Sequence[str] = ("identity", "ts@camvid/cal")
    dataset: str = "camvid"
    labels: Sequence[str] = LABELS[:6]
    scores: Sequence[str] = SCORES[:2]
    images: int = 24
    unknown: bool = False
    intervals: bool = True
    corruptions: Sequence[str] = ()
    """Kinds of corrupted copies that each domain has, at severities 1, 3 and 5."""

    @property
    def copies(self) -> dict[str, CorruptedDomain]:
        """The corrupted copies, by name."""
        cases = [(d, kind, s) for d in self.domains for kind in self.corruptions for s in (1, 3, 5)]
        return {f"{domain}+{kind}-{s}": CorruptedDomain(domain, kind, s) for domain, kind, s in cases}


def write_simulated_pictures(
    folder: Path, shape: Shape, *, each: int = 2, size: tuple[int, int] = (90, 120), own_palette: bool = True
) -> None:
    """Write pictures of the first images of each domain into a run of this shape: blocks of classes, confidence in
    waves, and a tenth of the pixels wrong.
    """
    place = folder / PICTURES_FOLDER
    entries = []
    for index, domain in enumerate(shape.domains):
        for i in range(each):
            draw = np.random.default_rng([index, i])
            truth = np.kron(draw.integers(0, len(shape.labels), (6, 8)), np.ones((size[0] // 6 + 1, size[1] // 8 + 1)))
            truth = truth[: size[0], : size[1]].astype(np.uint8)
            image = np.stack([truth * 40 + 30 * k for k in range(3)], axis=-1)
            truth[:4], truth[4:8] = 255, 254 if shape.unknown else 255
            scene = f"f{index:015x}{i:016x}.npz"
            ScenePicture.of(image, truth).write(place / scene)
            for m, model in enumerate(shape.models):
                wrong = draw.random(size) < 0.1
                classes = np.where(wrong, draw.integers(0, len(shape.labels), size), np.where(truth < 254, truth, 0))
                y, x = np.indices(size)
                sure = 0.98 - 0.4 * np.abs(np.sin(x / 9 + m) * np.cos(y / 7)) * np.where(wrong, 1.2, 1)
                files = {}
                for c, calibration in enumerate(shape.calibrations):
                    files[calibration] = f"{index:08x}{i:08x}{m:08x}{c + 1:08x}.npz"
                    picture = ConfidencePicture.of(classes.astype(np.uint8), sure ** (1 + c), truth)
                    picture.write(place / files[calibration])
                sample = f"s{i % 3}/{domain}_{i:04d}"
                entries.append(PictureEntry(model, shape.dataset, domain, sample, i + 1, i == each - 1, scene, files))
    colors = [[(37 * c) % 256, (91 * c + 60) % 256, (151 * c + 120) % 256] for c in range(len(shape.labels))]
    classes_of = {shape.dataset: PictureClasses(list(shape.labels), colors, own_palette)}
    (place / INDEX_FILE).write_text(PictureIndex(1, each, classes_of, entries).to_json(), encoding="utf-8")


@dataclass(frozen=True)
class _State:
    """The truth behind the numbers of one model, domain and calibration."""

    origin: Origin
    miou: float
    accuracy: float
    gap: float
    reference_miou: float


def write_simulated_run(folder: Path, shape: Shape | None = None, *, seed: int = 0) -> Path:
    """Write results.json, curves.json and images.csv of a run of this shape into `folder`; return it."""
    shape = shape or Shape()
    draw = np.random.default_rng(seed)
    states = list(_states(shape, draw))
    folder.mkdir(parents=True, exist_ok=True)
    rows = tuple(row for state in states for row in _rows(state, shape, draw))
    (folder / "results.json").write_text(Results(rows).to_json(), encoding="utf-8")
    curves = {"format": 1, "states": [_curves(state, shape, draw) for state in states]}
    (folder / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    (folder / "images.csv").write_text(_images(states, shape, draw), encoding="utf-8")
    if shape.corruptions:
        (folder / CORRUPTIONS_FILE).write_text(_corruptions(rows, shape), encoding="utf-8")
    return folder


def _corruptions(rows: Sequence[Row], shape: Shape) -> str:
    copies = {(shape.dataset, name): found for name, found in shape.copies.items()}
    better = {name: quantity.better for name, quantity in known_quantities().items()}
    return corruptions_text(corruption_rows(rows, copies, better))


def _states(shape: Shape, draw: np.random.Generator) -> Iterator[_State]:
    domains = dict(zip(shape.domains, np.linspace(0, 1, len(shape.domains)), strict=True))
    domains |= {name: domains[copy.clean] + copy.severity / 5 for name, copy in shape.copies.items()}
    for model in shape.models:
        quality, surplus = draw.uniform(0.45, 0.8), draw.uniform(-0.02, 0.08)
        for domain, hard in domains.items():
            miou = quality * (1 - 0.5 * hard) + draw.normal(0, 0.01)
            accuracy = 1 - (1 - miou) * 0.35
            for i, calibration in enumerate(shape.calibrations):
                gap = (surplus + 0.09 * hard) * (1 if i == 0 else 0.35 + 0.1 * i) + draw.normal(0, 0.004)
                reference = f"{shape.dataset}/{shape.domains[0]}" if domain != shape.domains[0] else ""
                fitted = calibration.partition("@")[2]
                origin = Origin(model, shape.dataset, domain, reference, calibration, fitted)
                yield _State(origin, float(miou), float(accuracy), float(gap), float(quality))


def _rows(state: _State, shape: Shape, draw: np.random.Generator) -> Iterator[Row]:
    def row(metric: str, value: float, width: float, score: str = "", label: str = "") -> Row:
        number = Value.exact(metric, value, f"{metric}/simulated", score=score, label=label)
        made = Row.of(state.origin, number, n_images=shape.images, n_pixels=shape.images * _PIXELS)
        return replace(made, ci_low=value - width, ci_high=value + width) if shape.intervals else made

    yield row("miou", state.miou, 0.03)
    yield row("pixel_accuracy", state.accuracy, 0.02)
    yield row("ece", abs(state.gap) + 0.004, 0.012, "msp")
    yield row("nll", 2.4 * (1 - state.accuracy) + 2 * abs(state.gap), 0.05)
    yield row("brier", 1.4 * (1 - state.accuracy), 0.03)
    if state.origin.reference:
        yield row("drop_miou", state.reference_miou - state.miou, 0.035)
    for i, score in enumerate(shape.scores):
        for metric in _RANKED:
            if metric == "ood_auroc" and not state.origin.reference:
                yield Row.of(
                    state.origin, Value.undefined(metric, "the domain is the reference", metric, score=score),
                    n_images=shape.images, n_pixels=shape.images * _PIXELS,
                )  # fmt: skip
                continue
            value = {"prr": 68.0 - 20 * state.gap - i, "fpr95": 0.5, "aurc": 0.04, "risk95": 0.09}.get(metric)
            if metric == "transfer_risk95":
                value = 0.05 + max(0.0, 0.8 * state.gap)
            value = value if value is not None else 0.85 - 0.02 * i - 0.3 * state.gap
            scale = 5.0 if metric == "prr" else 0.03
            yield row(metric, value + float(draw.normal(0, scale / 10)), scale, score)
    for label in shape.labels:
        yield row("iou", float(np.clip(state.miou + draw.normal(0, 0.15), 0.02, 0.98)), 0.06, label=label)
        yield row("class_share", 1 / len(shape.labels), 0.01, label=label)
        yield row("class_ece", float(abs(state.gap + draw.normal(0, 0.03))), 0.02, "msp", label)
        yield row("confident_error90", float(abs(draw.normal(0.05, 0.03))), 0.02, "msp", label)


def _curves(state: _State, shape: Shape, draw: np.random.Generator) -> dict[str, Any]:
    n = shape.images * _PIXELS
    classes = len(shape.labels)
    mix = draw.dirichlet(np.full(classes + 1, 0.3), size=classes) * (1 - state.accuracy)
    mix[np.arange(classes), np.arange(classes)] += state.accuracy
    confusion = np.rint(mix * n / classes).astype(int)
    middle = (np.arange(_BINS) + 0.5) / _BINS
    weight = middle**5 / (middle**5).sum()
    pixels = np.rint(weight * n).astype(int)
    right = np.clip(middle - state.gap * np.sin(np.pi * middle) * 1.5, 0, 1)
    return {
        **{name: getattr(state.origin, name) for name in ("model", "dataset", "domain", "calibration")},
        "labels": list(shape.labels),
        "confusion": confusion.tolist(),
        "reliability": {
            "low": (np.arange(_BINS) / _BINS).tolist(),
            "high": ((np.arange(_BINS) + 1) / _BINS).tolist(),
            "pixels": pixels.tolist(),
            "right": np.rint(right * pixels).astype(int).tolist(),
            "confidence": (middle * pixels).tolist(),
        },
        "scores": {score: _score(state, n, shape, draw) for score in shape.scores},
    }


def _score(state: _State, n: int, shape: Shape, draw: np.random.Generator) -> dict[str, Any]:
    x = (np.arange(40) + 0.5) / 40
    shapes = {"right": x**6, "wrong": x * (1.3 - x), "unknown": (1.2 - x) ** 2}
    sizes = {"right": n * state.accuracy, "wrong": n * (1 - state.accuracy), "unknown": n / 30 if shape.unknown else 0}
    noise = draw.lognormal(0, 0.1, 40)
    counts = {k: np.rint(v * noise / (v * noise).sum() * sizes[k]).astype(int) for k, v in shapes.items()}
    wrong, right = (np.append(0, counts[kind][::-1].cumsum()) for kind in ("wrong", "right"))
    share = (wrong + right) / (wrong + right)[-1]
    errors = np.interp(COVERAGES, share, wrong) / (wrong + right)[-1]
    return {
        "risk_coverage": {"coverage": COVERAGES.tolist(), "risk": (errors / COVERAGES).tolist()},
        "oracle": (1 - state.accuracy) ** 2 / 2,
        "error_rate": 1 - state.accuracy,
        "histogram": {"edges": np.linspace(0, 1, 41).tolist(), **{k: v.tolist() for k, v in counts.items()}},
    }


def _images(states: Sequence[_State], shape: Shape, draw: np.random.Generator) -> str:
    columns = (
        *("model", "dataset", "domain", "calibration", "sample", "scene", "image", "mask", "n_pixels", "miou"),
        *("accuracy", "ece", "nll", "confident_error90", "confident_error99", "rejected"),
        *(f"mean_{score}" for score in shape.scores),
        *(f"iou_{label}" for label in shape.labels),
    )
    lines = [csv_line(columns)]
    for state in states:
        o = state.origin
        for i in range(shape.images):
            miou = float(np.clip(state.miou + draw.normal(0, 0.08), 0, 1))
            name = f"{o.domain}_{i:04d}"
            cells = (
                *(o.model, o.dataset, o.domain, o.calibration, f"s{i % 3}/{name}", f"s{i % 3}", f"images/{name}.png"),
                *(f"masks/{name}.png", _PIXELS, miou, state.accuracy, abs(state.gap) + 0.01, 0.4, 0.03, 0.004, 0.12),
                *(0.9 for _ in shape.scores),
                *(miou for _ in shape.labels),
            )
            lines.append(csv_line(cells))
    return "".join(lines)
