"""The processor that a process runs on: results are equal to the bit on one type of them."""

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any


@cache
def processor() -> dict[str, Any]:
    """Return the number of cores, the model, and where the system tells them the vector extensions."""
    facts: dict[str, Any] = {"cores": os.cpu_count()}
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return facts | {"model": platform.processor()}
    lines = {}
    for line in info.read_text().splitlines():
        key, _, value = line.partition(":")
        lines[key.strip()] = value.strip()
    facts["model"] = lines.get("model name", "")
    facts["features"] = [f for f in lines.get("flags", "").split() if f.startswith(("avx", "fma", "sse"))]
    return facts


def processor_type() -> str:
    """Return what tells types of processors apart that may round otherwise: architecture and vector extensions."""
    features = " ".join(sorted(processor().get("features", ())))
    return f"{platform.machine()} {features}".strip()
