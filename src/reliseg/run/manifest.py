"""What a result depends on: versions, machine, settings, and the hashes of all files read."""

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from reliseg.calibration.records.record import Record, read_record
from reliseg.plan.plan import Plan, Target, shards
from reliseg.run.check.leakage import seen_samples
from reliseg.run.evaluate.shard_files import load_shard
from reliseg.runtime.progress import Progress

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


def manifest(
    plan: Plan, models: Mapping[str, Any], folder: Path, *, workers: int, progress: Progress
) -> dict[str, Any]:
    """The facts of a run, as JSON values; `samples` holds the sha256 of every sample by domain.

    `seen` names the samples of a domain that a calibration was fitted on, where that was allowed.
    """
    records = _records(folder)
    settings = plan.settings
    return {
        "protocol": plan.protocol,
        "versions": {"python": platform.python_version()} | _versions(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "byteorder": sys.byteorder,
        "device_asked_for": settings.device,
        "threads": settings.threads,
        "batch": settings.batch,
        "seed": settings.seed,
        "determinism": {"cudnn_benchmark": False, "tf32": False, "denormals_flushed": True},
        "models": dict(models),
        "calibrations": {place: _described(record) for place, record in records.items()},
        "domains": {str(t): _counts(t) for t in plan.read()},
        "seen": {
            str(t): seen_samples(t, records.values(), workers=workers, progress=progress)
            for t in plan.evaluated()
            if not plan.must_be_unseen(t)
        },
        "samples": {str(t): _hashes(plan, t, folder) for t in plan.read()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> dict[str, Any]:
    """Model and vector extensions: results are equal to the bit on one type of CPU."""
    facts: dict[str, Any] = {"cores": os.cpu_count()}
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = {}
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            lines[key.strip()] = value.strip()
        facts["model"] = lines.get("model name", "")
        facts["features"] = [f for f in lines.get("flags", "").split() if f.startswith(("avx", "fma", "sse"))]
    else:
        facts["model"] = platform.processor()
    return facts


def _records(folder: Path) -> dict[str, Record]:
    """The stored calibrations, as MODEL/NAME."""
    files = sorted((folder / "calibrations").glob("*/*.json"))
    return {f"{path.parent.name}/{path.stem}": read_record(path) for path in files}


def _described(record: Record) -> dict[str, Any]:
    """The parameters of a calibration, and the hash of what it was fitted on."""
    return {
        "method": record.method,
        "parameters": {k: _shown(v) for k, v in record.calibration.parameters().items()},
        "fitted_on": record.split,
        "model": record.model,
        "pixels": record.pixels,
        "split_sha256": record.split_sha256(),
    }


def _shown(parameter: Any) -> Any:
    """An array by its shape alone: its numbers are in the record."""
    return f"{parameter.dtype}{list(parameter.shape)}" if isinstance(parameter, np.ndarray) else parameter


def _counts(target: Target) -> dict[str, Any]:
    domain = target.domain
    return {"images": len(domain.samples), "skipped": list(domain.skipped)}


def _hashes(plan: Plan, target: Target, folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in plan.models:
        for shard in shards(target):
            stored = load_shard(folder / "statistics" / source.name / shard.path, ())
            if stored is not None:
                found |= stored.head.hashes
    return dict(sorted(found.items()))
