"""What a result depends on: versions, machine, settings, and the hashes of all files read."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration.records.record import Record, record_file
from reliseg.plan.plan import IDENTITY, Plan, PromiseGround, Target
from reliseg.run.check.leakage import seen_samples
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverages
from reliseg.run.store.made import installed_versions, kernels_of
from reliseg.runtime.processor import processor

_PACKAGES = (
    "reliseg",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "pillow",
    "torch",
    "triton",
    "transformers",
    "safetensors",
)


def manifest(context: RunContext, plan: Plan, runs: Sequence[ModelRun]) -> dict[str, Any]:
    """Return the facts of a run, as JSON values; `samples` holds the sha256 of every sample by domain, `identity` what
    determined the statistics beside these.

    `made` are the processors, versions and kernels that made these. `seen` names the samples of a domain that a
    calibration was fitted on, where that was allowed.
    """
    records = {f"{run.name}/{Path(record_file(name)).stem}": r for run in runs for name, r in run.records.items()}
    settings, sources = plan.settings, _Sources()
    for run in runs:
        sources.add(run)
    promised = {"accept": [_ground_facts(ground) for ground in plan.grounds]} if plan.grounds else {}
    return {
        "protocol": plan.protocol,
        "versions": {"python": platform.python_version()} | installed_versions(_PACKAGES),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": processor(),
        "byteorder": sys.byteorder,
        "device_asked_for": settings.device,
        "threads": settings.threads,
        "batch": settings.batch,
        "seed": settings.seed,
        "determinism": {"cudnn_benchmark": False, "tf32": False, "denormals_flushed": True},
        "made": sources.made,
        "device_kernels": kernels_of(sources.made),
        "models": {run.name: run.facts.provenance for run in runs},
        "calibrations": {place: _record_facts(record) for place, record in records.items()},
        "domains": {str(t): _counts(t) for t in plan.domains()},
        "seen": {
            str(t): seen_samples(t, records.values(), workers=context.workers, progress=context.progress)
            for t in plan.test_domains()
            if not plan.must_be_unseen(t)
        },
        "identity": sources.parts,
        "samples": {str(t): dict(sorted(sources.hashes.get(str(t), {}).items())) for t in plan.domains()},
    } | promised


class _Sources:
    """What the heads of the pieces say that the uncalibrated numbers are made of."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, dict[str, str]]] = {}
        self.hashes: dict[str, dict[str, str]] = {}
        self.made: list[dict[str, str]] = []

    def add(self, run: ModelRun) -> None:
        """Add those of a model."""
        coverages = Coverages(run)
        by_target = self.parts.setdefault(run.name, {})
        for target in run.plan.domains():
            for _, cover in coverages.of(target).covers(IDENTITY):
                for head in (piece.stored.head for piece in cover.pieces()):
                    by_target[str(target)] = dict(head.parts)
                    self.hashes.setdefault(str(target), {}).update(head.hashes)
                    if head.made not in self.made:
                        self.made.append(dict(head.made))


def _ground_facts(ground: PromiseGround) -> dict[str, Any]:
    """Return what is promised on which images: all of some domains, or those that a split's fits leave out."""
    return {
        "on": ground.name,
        "left_out": bool(ground.left_out),
        "promises": [vars(promise) for promise in ground.promises],
        "images": {str(member): [sample.id for sample in ground.chosen(member)] for member in ground.members},
    }


def _record_facts(record: Record) -> dict[str, Any]:
    """Return the parameters of a calibration, and the hash of what it was fitted on."""
    return {
        "method": record.method,
        "parameters": {key: _parameter_text(value) for key, value in record.calibration.parameters().items()},
        "fitted_on": record.split,
        "model": record.model,
        "pixels": record.pixels,
        "split_sha256": record.split_sha256(),
    }


def _parameter_text(value: Any) -> Any:
    """Return an array by its shape alone: its numbers are in the record."""
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else value


def _counts(target: Target) -> dict[str, Any]:
    domain = target.domain
    counts: dict[str, Any] = {"images": len(domain.samples), "skipped": list(domain.skipped)}
    if domain.corruption:
        counts |= {"clean": domain.clean, "corruption": domain.corruption.facts()}
        if domain.reads_depth and target.dataset.depth:
            counts |= {"depth": target.dataset.depth.facts()}
    return counts
