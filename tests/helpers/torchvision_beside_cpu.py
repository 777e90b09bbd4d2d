"""Lets PyPI's torchvision be imported beside a torch that was built for CPUs alone.

Their binaries do not fit, so torchvision's operators are missing, and it stops at the first two that it looks up by
name. Declared without an implementation they are found; no network that is tested calls them.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any


@cache
def declare_operators() -> Any:
    """Declare the two operators that torchvision looks up, where its own binary cannot bring them; return the library.

    The declarations last as long as the library: the cache keeps it.
    """
    try:
        fits = version("torchvision").endswith("+cpu") or not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return None
    if fits:
        return None
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
