"""The demo: draw scenes, run the ordinary pipeline on them, and leave a report, pictures and a reliability diagram."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from reliseg.config.schema import parse_config, render_config
from reliseg.data import load
from reliseg.demo.world.scenes import CONDITIONS, draw
from reliseg.errors import MissingExtraError
from reliseg.models import Input
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import Plan
from reliseg.report.figures.catalog import one_figure
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.files import Format, write_figure
from reliseg.report.joined import join_runs
from reliseg.report.page import RunFiles, build_page
from reliseg.report.pictures import Case, sheet, write_png
from reliseg.results import Results
from reliseg.run.execute import Run
from reliseg.run.export import label_and_confidence
from reliseg.run.folder import check_writable
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.progress import Progress, Stage

CALIBRATION_SEEDS = range(1000, 1020)
"""Calibration scenes share no seed with test scenes; in `mixed` every condition has a fifth of them."""
TEST_SEEDS = range(20)
UNKNOWN_EVERY = 2
"""Every second test scene holds objects of no known class."""
SHOWN_SEED = 4
SHOWN_WORST = 2
"""So many of the worst scenes of each condition are shown in the report."""
SPLITS = ("calm", "mixed")
"""Calibration on clear scenes only, and on scenes of all conditions."""


@dataclass(frozen=True)
class _Job:
    """One scene to draw and where it goes."""

    domain: str
    condition: str
    seed: int
    unknown: bool
    folder: Path

    def file(self, kind: str) -> Path:
        return self.folder / self.domain / kind / f"{self.domain}_{self.seed:04d}.png"


def run_demo(out: Path, *, workers: int, progress: Progress) -> list[str]:
    """Draw, run and report into `out`: scenes/, run/, pictures/, report and diagram. Return lines: what to look at."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("torch", "all", "the demo") from error
    check_writable(out)
    _draw_all(out / "scenes", workers, progress)
    config = parse_config(_configuration(), where="demo")
    plan = plan_from_config(config, out.absolute())
    text = render_config(config, out)
    results = Run(plan, out / "run", text, workers=workers, progress=progress, pictures=SHOWN_WORST).execute()
    pictures = _pictures(plan, out / "pictures")
    files = _diagrams(out)
    report = out / "report.html"
    write_text(report, build_page([RunFiles.read(out / "run")]))
    return _story(results, out, [report, pictures, *files])


def _diagrams(out: Path) -> list[Path]:
    """Write the reliability diagrams of the run in `out` there; return the files."""
    choice = Choice(models=["street"], domains=[f"drawn/{c}" for c in CONDITIONS])
    runs = join_runs({str(out / "run"): out / "run"}, with_curves=True)
    figure = one_figure(chosen_material(runs, choice), choice, "reliability")
    forms: tuple[Format, ...] = ("svg", "png")
    files = [out / f"reliability.{form}" for form in forms]
    for file, form in zip(files, forms, strict=True):
        write_figure(figure, file, "two", form)
    return files


def _draw_all(folder: Path, workers: int, progress: Progress) -> None:
    jobs = [_Job("calm", "clear", seed, False, folder) for seed in CALIBRATION_SEEDS]
    for i, seed in enumerate(CALIBRATION_SEEDS):
        jobs.append(_Job("mixed", CONDITIONS[i % len(CONDITIONS)], seed + len(CALIBRATION_SEEDS), False, folder))
    for condition in CONDITIONS:
        jobs += [_Job(condition, condition, seed, seed % UNKNOWN_EVERY == 0, folder) for seed in TEST_SEEDS]
    missing = [job for job in jobs if not job.file("masks").exists()]
    progress.begin("drawing street scenes", len(missing), Stage("draw"))
    context = multiprocessing.get_context("spawn")  # forking a process with threads may hang
    with ProcessPoolExecutor(min(workers, len(missing)) or 1, mp_context=context) as pool:
        for _ in pool.map(_draw, missing):
            progress.advance()


def _draw(job: _Job) -> None:
    """Draw and write one scene; the mask last, as it says that the image is whole."""
    scene = draw(job.seed, job.condition, job.unknown)
    for kind, pixels in (("images", scene.image), ("masks", scene.truth)):
        path = job.file(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        Pillow.fromarray(pixels).save(temporary, "PNG")
        temporary.replace(path)


def _configuration() -> dict[str, Any]:
    """Return the demo as a configuration that a user could have written."""
    return {
        "models": [{"name": "street", "kind": "python", "where": "reliseg.demo.network:load", "labels": "cityscapes"}],
        "datasets": [
            {
                "name": "drawn",
                "spec": "folder",
                "root": "scenes",
                "image": "{weather}/images/{stem}.png",
                "mask": "{weather}/masks/{stem}.png",
                "labels": "cityscapes",
                "label_map": {"known": "identity", "unknown": [254], "void": [255]},
                "domains": {name: {"weather": name} for name in (*SPLITS, *CONDITIONS)},
            }
        ],
        "calibration": [{"on": [f"drawn/{split}"], "methods": ["identity", "ts"]} for split in SPLITS],
        "test": {"on": [f"drawn/{c}" for c in CONDITIONS], "reference": "drawn/clear"},
        "threads": 1,  # the network is small: more threads would wait for each other
    }


def _pictures(plan: Plan, folder: Path) -> Path:
    """Write a sheet for each condition of one scene, and one of all; return the latter."""
    model = plan.models[0].load()
    cases = []
    for target in plan.tests:
        sample = next(s for s in target.domain.samples if s.id.endswith(f"_{SHOWN_SEED:04d}"))
        loaded = load(target.dataset, sample)
        assert loaded.image is not None
        assert loaded.truth is not None
        prediction = model.predict([Input(sample.id, loaded.size, loaded.image)])[0]
        classes, confidence = label_and_confidence(prediction.project(target.dataset.projection(model.labels)))
        cases.append(Case(target.domain.name, loaded.image, loaded.truth, classes, confidence))
        write_png(folder / f"{target.domain.name}.png", sheet(cases[-1:], target.dataset.labels))
    write_png(folder / "all.png", sheet(cases, plan.tests[0].dataset.labels))
    return folder / "all.png"


def _story(results: Results, out: Path, files: list[Path]) -> list[str]:
    """Return what the numbers say, in a few lines."""

    def number(metric: str, domain: str, calibration: str = "identity", score: str = "") -> float:
        return results.value(metric, domain=domain, calibration=calibration, score=score)

    shifted = [c for c in CONDITIONS if c != "clear"]
    worst = min(shifted, key=lambda c: number("miou", c))
    surest = max(CONDITIONS, key=lambda c: number("ece", c, score="msp"))
    before = number("ece", surest, score="msp")
    calm, mixed = (number("ece", surest, f"ts@drawn/{split}", "msp") for split in SPLITS)
    helped = [c for c in CONDITIONS if number("nll", c, "ts@drawn/mixed") < number("nll", c)]
    unknown = {c: number("local_ood_auroc", c, score="msp") for c in CONDITIONS}
    return [
        "",
        "What this shows, for a network that was trained only on clear scenes:",
        f"- Accuracy falls under shift: mIoU {number('miou', 'clear'):.2f} in clear weather, "
        f"{number('miou', worst):.2f} in the {worst} scenes.",
        f"- Calibration breaks: ECE {number('ece', 'clear', score='msp'):.3f} in clear weather, "
        f"{before:.3f} in the {surest} scenes, where the network is confident but wrong.",
        f"- Temperature scaling helps if the calibration images are like the test images: ECE in the {surest} "
        f"scenes is {calm:.3f} after fitting on clear scenes, and {mixed:.3f} after fitting on mixed weather. "
        f"The latter lowers the NLL in {_enumeration(helped)}.",
        "- Low confidence finds only a part of the unknown objects (AUROC; 0.5 is chance): "
        f"{', '.join(f'{c} {v:.2f}' for c, v in unknown.items())}.",
        "",
        "Look at:",
        *(f"  {path}" for path in [*files, out / "run" / "results.csv"]),
    ]


def _enumeration(names: list[str]) -> str:
    if not names:
        return "no condition"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
