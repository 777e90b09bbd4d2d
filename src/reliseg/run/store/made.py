"""Who made a piece: facts that are no part of its identity, and tell why bits may differ."""

from collections.abc import Mapping
from importlib.metadata import version

from reliseg.runtime.processor import processor, processor_type


def made_by(kernels: Mapping[str, str]) -> dict[str, str]:
    """Return the processor, the version, and the kernels that counted on other devices than the CPU."""
    return {
        "processor": processor_type(),
        "model": str(processor().get("model", "")),
        "reliseg": version("reliseg"),
        "kernels": " ".join(f"{device}: {kernel}" for device, kernel in sorted(kernels.items())),
    }
