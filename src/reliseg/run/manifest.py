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
from reliseg.run.context import RunContext
from reliseg.run.evaluate.shard_files import load_shard

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


def manifest(context: RunContext, plan: Plan, models: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run, as JSON values; `samples` holds the sha256 of every sample by domain, `identity` what
    determined the statistics beside these.

    `models` are their own facts by name. `seen` names the samples of a domain that a calibration was fitted on, where
    that was allowed.
    """
    records = {f"{path.parent.name}/{path.stem}": read_record(path) for path in context.folder.record_files()}
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
        "calibrations": {place: _record_facts(record) for place, record in records.items()},
        "domains": {str(t): _counts(t) for t in plan.domains()},
        "seen": {
            str(t): seen_samples(t, records.values(), workers=context.workers, progress=context.progress)
            for t in plan.test_domains()
            if not plan.must_be_unseen(t)
        },
        "identity": {
            source.name: {str(t): dict(parts) for t in plan.domains() if (parts := _parts(context, source.name, t))}
            for source in plan.models
        },
        "samples": {str(t): _hashes(context, plan, t) for t in plan.domains()},
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _cpu() -> dict[str, Any]:
    """Return model and vector extensions: results are equal to the bit on one type of CPU."""
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
    return {"images": len(domain.samples), "skipped": list(domain.skipped)}


def _parts(context: RunContext, model: str, target: Target) -> Mapping[str, str]:
    """Return what determined the statistics of a model on a domain, part by part: all its shards agree."""
    heads = (load_shard(context.folder.shard(model, shard), ()) for shard in shards(target))
    return next((stored.head.parts for stored in heads if stored is not None), {})


def _hashes(context: RunContext, plan: Plan, target: Target) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for source in plan.models:
        for shard in shards(target):
            stored = load_shard(context.folder.shard(source.name, shard), ())
            if stored is not None:
                hashes |= stored.head.hashes
    return dict(sorted(hashes.items()))
