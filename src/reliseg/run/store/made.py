"""Who made a piece: facts that are no part of its identity, and tell why bits may differ; and which code runs now."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reliseg.runtime.processor import processor, processor_type

_KERNEL_ON = "kernel on "


def made_by(kernels: Mapping[str, str]) -> dict[str, str]:
    """Return the processor, the version, and the kernels that counted on other devices than the CPU."""
    return {
        "processor": processor_type(),
        "model": str(processor().get("model", "")),
        "reliseg": version_of("reliseg") or "",
        **{f"{_KERNEL_ON}{device}": kernel for device, kernel in sorted(kernels.items())},
    }


def kernels_of(made: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the kernel that counted the logits of each device that held some."""
    facts = ((key, kernel) for one in made for key, kernel in one.items() if key.startswith(_KERNEL_ON))
    return {key.removeprefix(_KERNEL_ON): kernel for key, kernel in facts}


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of these packages that are installed."""
    versions = {package: version_of(package) for package in packages}
    return {package: number for package, number in versions.items() if number is not None}


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package, as it was when it was first asked for here; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def state_of_code() -> str:
    """Return a digest of the names, sizes and times of reliseg's files, as they were when it was first asked for."""
    root = Path(__file__).parents[2]
    facts = ((str(p.relative_to(root)), p.stat()) for p in sorted(root.rglob("*.py")))
    text = "\n".join(f"{name} {s.st_size} {s.st_mtime_ns}" for name, s in facts)
    return hashlib.sha256(text.encode()).hexdigest()
