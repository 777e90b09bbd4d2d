"""Import before torchmetrics: lets PyPI's torchvision load beside a torch that was built for CPUs alone.

Their binaries do not fit, so torchvision's operators are missing, and it stops at the first that it looks up by name.
Declared without an implementation they are found; no metric calls them.
"""

from importlib.metadata import PackageNotFoundError, version

import torch

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def declare() -> None:
    """The two that torchvision looks up, where its own binary cannot bring them."""
    try:
        fits = version("torchvision").endswith("+cpu")
    except PackageNotFoundError:
        return
    if version("torch").endswith("+cpu") and not fits:
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


declare()
