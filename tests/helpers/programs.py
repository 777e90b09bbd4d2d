"""Small networks saved as programs of torch."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

CLASSES = 11


class Net(nn.Module):
    """A stride of 4; what it refuses, it refuses as a network, not as an export."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.body(images)).relu())


def dimension(name: str, least: int = 5) -> Any:
    return torch.export.Dim(name, min=least)


def any_size() -> dict[str, Any]:
    return {"images": {0: dimension("n", 1), 2: dimension("h"), 3: dimension("w")}}


def export(net: nn.Module, *, size: tuple[int, int] = (32, 64), shapes: Any = None) -> torch.export.ExportedProgram:
    """Export a network for one size, or for what `shapes` says."""
    images = torch.zeros(2 if shapes and 0 in shapes["images"] else 1, 3, *size)
    return torch.export.export(net.eval(), (images,), dynamic_shapes=shapes)


def write_program(path: Path, net: nn.Module | None = None, **how: Any) -> Path:
    torch.export.save(export(net or Net(), **how), path)
    return path


def write_script(path: Path, net: nn.Module | None = None, size: tuple[int, int] = (32, 64)) -> Path:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.save(torch.jit.trace((net or Net()).eval(), torch.zeros(1, 3, *size)), path)
    return path
