"""The GPU kernel against the same statistics in torch operations, and against the network that feeds it.

python benchmarks/gpu.py [--out FILE.json]

Without a GPU every line says so; nothing is estimated.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from kernel import ALL, TURNS, Measure, image
from machine import show
from torch import Tensor
from torch.nn.functional import interpolate

from reliseg.stats import DeviceLogits, Layout, LogitView
from reliseg.stats.bins import MANTISSA, RELIABILITY_BINS, ROLES, MarginBins, SignedBins, edges
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

CLASSES, NATIVE, STRIDE = 19, (256, 512), 4
GOALS: dict[str, tuple[str, str, float | None]] = {
    "image": (
        "everything of an image of 1024 x 2048, 19 classes, its labels sent and its row brought back",
        " ms",
        1.0,
    ),
    "alone": ("the kernel alone", " ms", None),
    "torch": ("everything, of the same in torch operations", "", 0.1),
    "network": ("everything, of SegFormer-B0's forward pass", " %", 5.0),
    "memory": ("device memory beyond the logits", " MB", None),
}
"""What is measured, its unit, and the most it may be."""
Counts: TypeAlias = dict[str, Tensor]


def octaves(x: Tensor, low: int, last: int) -> Tensor:
    """The leading bits of x >= 0, as `bins.TailBins` has them."""
    return ((x.view(torch.int32) >> (23 - MANTISSA)) - ((low + 127) << MANTISSA) + 1).clamp(0, last)


def fine_bin(score: str, value: Tensor, coordinate: Tensor) -> Tensor:
    """The fine bin of each pixel."""
    bins = BUILT_IN_SCORES[score].bins
    if isinstance(bins, SignedBins):
        rank = octaves(value.abs(), bins.low, bins.size // 2)
        return torch.where(value < 0, bins.size // 2 + rank, bins.size // 2 - rank)
    if isinstance(bins, MarginBins):
        sure = octaves(coordinate, bins.low, (-1 - bins.low) << MANTISSA)
        unsure = bins.size - 1 - octaves(value, bins.high, (-1 - bins.high) << MANTISSA)
        return torch.where(coordinate < 0.5, sure, unsure)
    return octaves(coordinate, bins.low, bins.size - 1)


def units(x: Tensor) -> Tensor:
    return (x.double() * (1 << 24)).round().long()


def torch_statistics(logits: Tensor, truth: Tensor, classes: int) -> Counts:
    """What the kernel counts, as one writes it in torch: one operation after the other on tensors of full size."""
    z = interpolate(logits[None], size=truth.shape, mode="bilinear")[0].flatten(1)
    label = truth.flatten().long()
    top, guess = z.max(dim=0)
    gap = z - top
    e = gap.exp().scatter(0, guess[None], 0.0)
    odds = e.sum(dim=0)
    sure = 1 / (1 + odds)
    second = e.amax(dim=0)
    log_sum = odds.log1p()
    known = label < classes
    role = torch.where(known, (label == guess).long(), torch.where(label == 254, 2, 3))
    entropy = log_sum - (e * gap).sum(dim=0) * sure
    bounds = torch.tensor(edges()[1:-1], dtype=torch.float32, device=z.device)
    counts: Counts = {}

    own, own_guess, own_sure = label[known], guess[known], sure[known]
    cell = (own * (classes + 1) + own_guess) * RELIABILITY_BINS + torch.bucketize(own_sure, bounds)
    size = classes * (classes + 1) * RELIABILITY_BINS
    counts["counts"] = torch.bincount(cell, minlength=size)
    counts["confidence"] = torch.zeros_like(counts["counts"]).index_add_(0, cell, units(own_sure))
    wrong = own[(own != own_guess) & (own_sure > 0.90)], own[(own != own_guess) & (own_sure > 0.99)]
    counts["confident"] = torch.stack([torch.bincount(w, minlength=classes) for w in wrong], dim=1)

    p = e.scatter(0, guess[None], 1.0)[:, known] * own_sure
    place = torch.arange(classes, device=z.device)[:, None] * RELIABILITY_BINS + torch.bucketize(p, bounds)
    counts["classwise"] = torch.bincount(place.flatten(), minlength=classes * RELIABILITY_BINS)
    counts["hits"] = torch.bincount(
        place[own, torch.arange(len(own), device=z.device)], minlength=len(counts["classwise"])
    )
    counts["probability"] = torch.zeros_like(counts["classwise"]).index_add_(0, place.flatten(), units(p).flatten())
    own_p = p.gather(0, own[None])[0]
    nll = log_sum[known] - gap[:, known].gather(0, own[None])[0]
    brier = (p * p).sum(dim=0) - 2 * own_p + 1
    counts["losses"] = torch.stack([units(nll).sum(), units(brier).sum()])

    values = {"msp": sure, "neg_entropy": -entropy, "margin": (1 - second) * sure, "max_logit": top}
    values["neg_energy"] = top + log_sum
    coordinates = {"msp": odds, "neg_entropy": entropy, "margin": (odds + second) * sure}
    for score, value in values.items():
        bin_ = fine_bin(score, value, coordinates.get(score, value)).long()
        size = BUILT_IN_SCORES[score].bins.size
        counts[f"ranks.{score}"] = torch.bincount(role * size + bin_, minlength=ROLES * size)
        sums = torch.zeros(ROLES, dtype=torch.int64, device=z.device)
        counts[f"sums.{score}"] = sums.index_add_(0, role, units(value))
        if score == "msp":
            table = torch.zeros(size, dtype=torch.int64, device=z.device)
            counts["fine_confidence"] = table.index_add_(0, bin_[known], units(own_sure))
    return counts


def best(task: Callable[[], object]) -> float:
    """The least seconds of a task that ends on the device, after two to warm up."""
    least = float("inf")
    for turn in range(TURNS + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        task()
        torch.cuda.synchronize()
        if turn >= 2:
            least = min(least, time.perf_counter() - start)
    return least


def measure_kernel() -> list[Measure]:
    """On the GPU that is here."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    from reliseg.kernels.cpu.kernel import group_classes
    from reliseg.kernels.gpu.kernel import TritonKernel
    from reliseg.runtime.torch_settings import inference_settings

    device = torch.device("cuda")
    array, labels = image(CLASSES, NATIVE, STRIDE, "smooth")
    logits, truth = torch.tensor(array, device=device), torch.tensor(labels, device=device)
    layout = Layout(CLASSES, ALL)
    view = LogitView(DeviceLogits(logits), labels.shape, False, np.arange(CLASSES), np.ones(CLASSES + 1))
    kernel = TritonKernel(layout, device)
    kernel.observe(view, labels, "warm-up")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    whole = best(lambda: kernel.observe(view, labels, "image"))
    grown = (torch.cuda.max_memory_allocated() - before) / 1e6
    groups, live = group_classes(layout, view)
    alone = best(lambda: kernel._launch(view, truth, groups, live))
    torch_seconds = best(lambda: torch_statistics(logits, truth, CLASSES))
    network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=CLASSES)).eval().to(device)
    pixels = torch.zeros(1, 3, *labels.shape, device=device)
    with inference_settings(2), torch.inference_mode():
        forward = best(lambda: network(pixels))
    where = torch.cuda.get_device_name()
    return [
        goal("image", 1e3 * whole, where),
        goal("alone", 1e3 * alone),
        goal("torch", whole / torch_seconds, f"torch {1e3 * torch_seconds:.1f} ms"),
        goal("network", 100 * whole / forward, f"{1e3 * forward:.1f} ms, float32 without TF32"),
        goal("memory", grown),
    ]


def goal(key: str, value: float | None, note: str = "") -> Measure:
    """A measured value (None: not measured) with its target."""
    name, unit, target = GOALS[key]
    return Measure(f"GPU, {name}", value, unit, target, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    here = torch.cuda.is_available()
    show(measure_kernel() if here else [goal(key, None) for key in GOALS], arguments.out)


if __name__ == "__main__":
    main()
