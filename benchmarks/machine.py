"""What a benchmark ran on, and its measures as a file."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "numpy",
    "numba",
    "ray",
    "torch",
    "onnxruntime",
    "triton",
    "torchmetrics",
    "torch-uncertainty",
    "scikit-learn",
    "transformers",
)


def described() -> dict[str, Any]:
    """Processor, cores, memory, system, and the versions of what is compared."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": _named("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _named("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "gpu": _gpu(),
        "versions": versions,
    }


def show(measures: Sequence[Any], out: Path | None) -> None:
    """A line each, and as a file where one is asked for."""
    for measure in measures:
        print(measure, flush=True)
    if out:
        write(out, measures)


def write(path: Path, measures: Sequence[Any]) -> None:
    """The machine and the measures, as JSON."""
    content = {"machine": described(), "measures": [asdict(measure) for measure in measures]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _named(file: str, key: str) -> str | None:
    """The first value of a key in a file of Linux; None elsewhere."""
    path = Path(file)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def _gpu() -> str | None:
    try:
        import torch
    except ModuleNotFoundError:
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
