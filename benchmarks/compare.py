r"""What a user would take instead, on the same work: seconds, peak memory, and how both grow.

python benchmarks/compare.py [--out FILE.json]

Each tool starts from native logits, as ours does: it must interpolate, and take the softmax where it reads
probabilities. All run on one thread, in turns in one process. `reliseg` takes the statistics of all metrics (five
scores); the others what their lines name. torch-uncertainty 0.13 is measured where it is installed. It need not be
among our packages: a folder of its own on PYTHONPATH will do (`make bench TOOLS=FOLDER`),

pip install --target FOLDER --no-deps torch-uncertainty==0.13.0 einops lightning pytorch-lightning torchvision timm \
    seaborn matplotlib pandas contourpy cycler fonttools kiwisolver pyparsing jsonargparse
"""

import argparse
import ctypes
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torchvision_on_cpu  # noqa: F401 - before torchmetrics
from kernel import ALL, Measure, best, image, resident
from machine import write
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics.classification import BinaryAUROC, MulticlassCalibrationError, MulticlassJaccardIndex

from reliseg.kernels.cpu.kernel import Kernel, compile_kernels
from reliseg.stats import Layout, LogitView, SampleTable

TURNS = 3
VOID = 255
EXP = "torch.exp"
TORCH = "torch, interpolate + softmax + argmax"
BINS = 200
"""Thresholds of the binned AUROC."""

Image: TypeAlias = tuple[Tensor, Tensor]
"""Native logits (1 x C x h x w) and the truth (H x W), in which 255 is void."""


@dataclass
class Tool:
    """Something that reads images one by one and then says its numbers."""

    name: str
    read: Callable[[Image], object]
    finish: Callable[[], object] = lambda: None
    megabytes: Callable[[], float] = lambda: 0.0
    """Memory between images."""


def full(case: Image) -> Tensor:
    logits, truth = case
    return interpolate(logits, size=truth.shape, mode="bilinear")


def probabilities(case: Image) -> Tensor:
    return full(case).softmax(1)


def surest(case: Image) -> tuple[Tensor, Tensor]:
    """Confidence of the known pixels, and whether they are right."""
    confidence, guess = probabilities(case).max(1)
    known = case[1] != VOID
    return confidence[0][known], guess[0][known] == case[1][known]


def state_megabytes(*metrics: torch.nn.Module) -> float:
    """Megabytes of all states of torchmetrics."""
    total = 0
    for metric in metrics:
        for state in metric.metric_state.values():
            total += sum(t.nbytes for t in (state if isinstance(state, list) else [state]))
    return total / 1e6


def ours(classes: int, scores: tuple[str, ...]) -> Tool:
    kernel = Kernel(Layout(classes, scores))
    rows: list[SampleTable] = []

    def read(case: Image) -> None:
        logits, truth = case[0][0].numpy(), case[1].numpy().astype(np.uint8)
        view = LogitView(logits, truth.shape, False, np.arange(classes), np.ones(classes + 1))
        rows.append(kernel.observe(view, truth, "image"))

    def megabytes() -> float:
        return sum(array.nbytes for row in rows for array in row.arrays().values()) / 1e6

    return Tool("reliseg" if len(scores) > 1 else "reliseg, msp only", read, rows.clear, megabytes)


def of_torchmetrics(classes: int) -> list[Tool]:
    ece = MulticlassCalibrationError(classes, n_bins=15, ignore_index=VOID, validate_args=False)
    iou = MulticlassJaccardIndex(classes, ignore_index=VOID, validate_args=False)
    binned = BinaryAUROC(thresholds=BINS, validate_args=False)
    exact = BinaryAUROC(validate_args=False)

    def read_all(case: Image) -> None:
        p, truth = probabilities(case), case[1][None]
        confidence, guess = p.max(1)
        known = truth != VOID
        ece.update(p, truth)
        iou.update(guess, truth)
        exact.update(confidence[known], (guess == truth)[known].long())

    def finish_all() -> None:
        for metric in (ece, iou, exact):
            finish(metric)

    def finish(metric: torch.nn.Module) -> None:
        metric.compute()
        metric.reset()

    def rank(metric: BinaryAUROC, case: Image) -> None:
        confidence, right = surest(case)
        metric.update(confidence, right.long())

    def tool(name: str, metric: torch.nn.Module, read: Callable[[Image], object]) -> Tool:
        return Tool(f"torchmetrics, {name}", read, partial(finish, metric), partial(state_megabytes, metric))

    return [
        tool("ECE", ece, lambda case: ece.update(probabilities(case), case[1][None])),
        tool("IoU", iou, lambda case: iou.update(full(case).argmax(1), case[1][None])),
        tool(f"AUROC of errors by {BINS} thresholds", binned, partial(rank, binned)),
        tool("exact AUROC of errors", exact, partial(rank, exact)),
        Tool("torchmetrics, ECE, IoU and exact AUROC", read_all, finish_all, partial(state_megabytes, ece, iou, exact)),
    ]


def of_mmsegmentation(classes: int) -> Tool:
    """Areas as mmsegmentation's IoUMetric takes them: histograms of intersection, prediction and label."""
    areas = torch.zeros(3, classes)

    def read(case: Image) -> None:
        known = case[1] != VOID
        guess, truth = full(case).argmax(1)[0][known], case[1][known]
        for row, ids in enumerate((guess[guess == truth], guess, truth)):
            areas[row] += torch.histc(ids.float(), bins=classes, min=0, max=classes - 1)

    def finish() -> Tensor:
        iou = areas[0] / (areas[1] + areas[2] - areas[0])
        areas.zero_()
        return iou

    return Tool("IoU by torch.histc, as mmsegmentation", read, finish, lambda: areas.nbytes / 1e6)


def of_sklearn() -> Tool:
    """All scores of the test set are kept and sorted."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []

    def finish() -> None:
        scores, right = (np.concatenate(part) for part in zip(*parts, strict=True))
        parts.clear()
        roc_auc_score(right, scores)

    def read(case: Image) -> None:
        confidence, right = surest(case)
        parts.append((confidence.numpy(), right.numpy()))

    def megabytes() -> float:
        return sum(s.nbytes + r.nbytes for s, r in parts) / 1e6

    return Tool("scikit-learn, exact AUROC of errors", read, finish, megabytes)


def of_torch_uncertainty(classes: int) -> Tool:
    """Metrics of its segmentation routine, on all pixels (it reads 1 % of them by default): mIoU, accuracy, Brier, NLL,
    ECE, adaptive ECE, AURC, AUGRC. An ImportError where it cannot be had."""
    from torch_uncertainty import metrics as tu
    from torchmetrics import Accuracy, MetricCollection

    ece = partial(tu.CalibrationError, task="multiclass", num_classes=classes, num_bins=15)
    parts = [
        tu.MeanIntersectionOverUnion(num_classes=classes),
        Accuracy(task="multiclass", num_classes=classes),
        tu.BrierScore(num_classes=classes),
        tu.CategoricalNLL(),
        ece(),
        ece(adaptive=True),
        tu.AURC(),
        tu.AUGRC(),
    ]
    metrics = MetricCollection({str(i): part for i, part in enumerate(parts)}, compute_groups=False)

    def read(case: Image) -> None:
        known = case[1] != VOID
        metrics.update(probabilities(case)[0].movedim(0, -1)[known], case[1][known])

    def finish() -> None:
        metrics.compute()
        metrics.reset()

    return Tool("torch-uncertainty", read, finish, lambda: state_megabytes(*metrics.values()))


def tools(classes: int) -> tuple[list[Tool], list[Measure]]:
    """What is compared, and lines for what cannot be."""
    tools = [ours(classes, ALL), ours(classes, ("msp",)), *of_torchmetrics(classes)]
    tools += [of_mmsegmentation(classes), of_sklearn()]
    try:
        return [*tools, of_torch_uncertainty(classes)], []
    except Exception as error:  # whatever is wrong with an installation that is not ours
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        return tools, [Measure("torch-uncertainty", None, "", note=why)]


def synthetic(classes: int, native: tuple[int, int], stride: int) -> Image:
    logits, truth = image(classes, native, stride, "smooth")
    truth[truth >= 254] = VOID
    return torch.from_numpy(logits)[None], torch.from_numpy(truth.astype(np.int64))


def whole(tool: Tool, case: Image) -> None:
    tool.read(case)
    tool.finish()


def peak(task: Callable[[], object]) -> float | None:
    """Megabytes that a process of its own grows by at most; None where the system does not say."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as file:
            content = file.read()
        os.waitpid(child, 0)
        return float(content) if content else None
    try:
        ctypes.CDLL(None).malloc_trim(0)  # memory that the parent had freed would be had for nothing
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        task()
        os.write(writing, str(resident("VmHWM") - before).encode())
    finally:
        os._exit(0)


@dataclass(frozen=True)
class Cost:
    """The least seconds and the most megabytes of one task."""

    seconds: float
    memory: float | None


@dataclass(frozen=True)
class Case:
    """A size: what all tools took on it."""

    name: str
    tools: dict[str, Cost]

    @classmethod
    def of(cls, classes: int, native: tuple[int, int], stride: int) -> tuple["Case", list[Measure]]:
        """All tools on one image of this size, and lines for those that are not here."""
        case = synthetic(classes, native, stride)
        compared, absent = tools(classes)
        compile_kernels()
        tasks: dict[str, Callable[[], object]] = {TORCH: lambda: probabilities(case).argmax(1)}
        tasks |= {tool.name: partial(whole, tool, case) for tool in compared}
        peaks = {name: peak(task) for name, task in tasks.items()}  # before a kernel has made its tables
        z = full(case)
        out = torch.empty_like(z)
        seconds = best(tasks | {EXP: lambda: torch.exp(z, out=out)}, turns=TURNS)
        size = " x ".join(map(str, case[1].shape))
        costs = {name: Cost(time, peaks.get(name)) for name, time in seconds.items()}
        return cls(f"{classes} classes, {size}", costs), absent

    def lines(self) -> list[Measure]:
        """Time and memory of ours as shares of each other tool's."""
        own = self.tools["reliseg"]
        measures = []
        for name, other in self.tools.items():
            if name.startswith("reliseg"):
                continue
            times = f"{1e3 * own.seconds:.0f} ms against {1e3 * other.seconds:.0f} ms"
            target = None if name == EXP else 1.0
            measures.append(Measure(f"{self.name}, time, of {name}", own.seconds / other.seconds, "", target, times))
            if own.memory is not None and other.memory is not None:
                sizes = f"{own.memory:.0f} MB against {other.memory:.0f} MB"
                measures.append(
                    Measure(f"{self.name}, peak memory, of {name}", own.memory / other.memory, "", 1.0, sizes)
                )
        return measures


def growth(large: Case, small: Case, many: Case) -> list[Measure]:
    """How time and memory grow with pixels and classes."""
    measures = []
    for name in small.tools:
        for what, more in (("8 times the pixels", large), ("150 classes in place of 19", many)):
            a, b = small.tools[name], more.tools[name]
            measures.append(Measure(f"{name}, {what}, time", b.seconds / a.seconds, "-fold"))
            if a.memory is not None and b.memory is not None:
                measures.append(Measure(f"{name}, {what}, peak memory", b.memory / a.memory, "-fold"))
    return measures


def images(classes: int, native: tuple[int, int], stride: int) -> list[Measure]:
    """What is held for each further image; ours keeps a row of it until its shard is written."""
    case = synthetic(classes, native, stride)
    size = " x ".join(map(str, case[1].shape))
    measures = []
    for tool in tools(classes)[0]:
        tool.read(case)
        one = tool.megabytes()
        tool.read(case)
        more = tool.megabytes() - one
        tool.finish()
        measures.append(Measure(f"{tool.name}, held for each further image of {size}", more, " MB"))
    return measures


def scores(classes: int, native: tuple[int, int], stride: int) -> list[Measure]:
    """Five scores in place of one: ours, and an exact AUROC for each."""
    case = synthetic(classes, native, stride)
    known = case[1] != VOID

    def exact(count: int) -> None:
        z = full(case)
        p = z.softmax(1)
        top = p.topk(2, dim=1).values[0]
        right = (p.argmax(1)[0] == case[1])[known].long()
        values: list[Callable[[], Tensor]] = [
            lambda: top[0],
            lambda: (p * p.clamp_min(1e-30).log()).sum(1)[0],
            lambda: top[0] - top[1],
            lambda: z.amax(1)[0],
            lambda: z.logsumexp(1)[0],
        ]
        for value in values[:count]:
            metric = BinaryAUROC(validate_args=False)
            metric.update(value()[known], right)
            metric.compute()

    one, five = ours(classes, ("msp",)), ours(classes, ALL)
    tasks: dict[str, Callable[[], object]] = {
        "one": partial(one.read, case),
        "five": partial(five.read, case),
        "exact one": lambda: exact(1),
        "exact five": lambda: exact(5),
    }
    t = best(tasks, turns=TURNS)
    note = f"{1e3 * t['five']:.0f} ms against {1e3 * t['exact five']:.0f} ms"
    return [
        Measure("reliseg, five scores in place of one, time", t["five"] / t["one"], "-fold"),
        Measure(
            "torchmetrics, exact AUROC of five scores in place of one, time", t["exact five"] / t["exact one"], "-fold"
        ),
        Measure("five scores, time, of torchmetrics' exact AUROC of each", t["five"] / t["exact five"], "", 1.0, note),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="torchmetrics|torch_uncertainty")  # of the memory that they hold
    logging.disable(logging.WARNING)
    measures: list[Measure] = []

    def show(lines: list[Measure]) -> None:
        for line in lines:
            print(line, flush=True)
        measures.extend(lines)

    cases = []
    for classes, native, stride in ((19, (256, 512), 4), (19, (128, 128), 4), (150, (128, 128), 4)):
        case, absent = Case.of(classes, native, stride)
        show(case.lines() + ([] if cases else absent))
        cases.append(case)
    show(growth(*cases))
    show(images(19, (128, 128), 4))
    show(scores(19, (128, 128), 4))
    if arguments.out:
        write(arguments.out, measures)


if __name__ == "__main__":
    main()
