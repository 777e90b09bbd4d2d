"""What a result depends on: versions, machine, settings, and the hashes of all files read."""

import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reliseg.run.plan import Plan, Target, shards
from reliseg.run.store import load_shard

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


def manifest(plan: Plan, models: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The facts of a run, as JSON values; `samples` holds the sha256 of every sample by domain."""
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
        "calibrations": _calibrations(folder),
        "domains": {str(t): _counts(t) for t, _ in plan.passes()},
        "samples": {str(t): _hashes(plan, t, folder) for t, _ in plan.passes()},
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


def _calibrations(folder: Path) -> dict[str, Any]:
    """The parameters of each stored calibration, and the hash of what it was fitted on."""
    found = {}
    for path in sorted((folder / "calibrations").glob("*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[f"{path.parent.name}/{path.stem}"] = {
            key: record[key] for key in ("method", "parameters", "fitted_on", "pixels", "split_sha256")
        }
    return found


def _counts(target: Target) -> dict[str, Any]:
    domain = target.domain
    return {"images": len(domain.samples), "skipped": list(domain.skipped)}


def _hashes(plan: Plan, target: Target, folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in plan.models:
        for shard in shards(target):
            stored = load_shard(folder / "statistics" / source.name / shard.path, ())
            if stored is not None:
                found |= stored.hashes
    return dict(sorted(found.items()))
