"""What stands for a user's ONNX graph in a module of torch, so that what lies before and after it can be traced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from reliseg.types import Float

if TYPE_CHECKING:
    from reliseg.models.graphs.onnx_network import GraphNetwork

_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(uint8)": torch.uint8}


class Exchange(Protocol):
    """Where the answers of graphs come from."""

    def answer(self, port: "Port", asked: Tensor) -> Sequence[Tensor]:
        """Return the outputs of a port's graph, in the order of `port.outputs`, for what it takes."""


class Port(nn.Module):
    """Normalised images -> logits and feature of a graph, which is run by whoever exchanges."""

    def __init__(self, network: "GraphNetwork", path: Path) -> None:
        super().__init__()
        self.network, self.path = network, path
        self.alone = network.images.takes.images == 1
        """Whether the graph takes one image at a time."""
        self.exchange: Exchange = Running()

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs that are read: the logits first, then the feature."""
        return list(dict.fromkeys(name for name in (self.network.reader.taken, self.network.feature) if name))

    def axes_of(self, output: str, answer: Tensor) -> dict[int, str]:
        """Return the axes of an output that may have any length, by their names."""
        if answer.ndim != 4:
            return {0: "n"}
        is_feature = output != self.network.reader.taken
        is_last = self._has_channels_last(answer) or (is_feature and self.network.images.layout == "NHWC")
        return {0: "n", 1: "h", 2: "w"} if is_last else {0: "n", 2: "h", 3: "w"}

    def forward(self, pixels: Float[Tensor, "n 3 H W"]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n f"] | None]:
        """Return logits, or probabilities, and the feature where the graph has one."""
        parts = torch.split(pixels, 1) if self.alone and pixels.shape[0] > 1 else [pixels]
        read = [self._read(self.exchange.answer(self, self._as_taken(part))) for part in parts]
        features = [feature for _, feature in read if feature is not None]
        return torch.cat([maps for maps, _ in read]), torch.cat(features) if features else None

    def _as_taken(self, pixels: Float[Tensor, "n 3 H W"]) -> Tensor:
        """Return images in the type and the layout of the graph."""
        images = self.network.images
        given = pixels.to(_TYPES[images.kind])
        return given if images.layout == "NCHW" else given.permute(0, 2, 3, 1)

    def _read(self, outputs: Sequence[Tensor]) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n f"] | None]:
        """Return logits and feature as the model reads them."""
        given = dict(zip(self.outputs, outputs, strict=True))
        maps = outputs[0].permute(0, 3, 1, 2) if self._has_channels_last(outputs[0]) else outputs[0]
        feature = given[self.network.feature] if self.network.feature else None
        if feature is not None and feature.ndim == 4:
            feature = feature.double().mean(dim=(1, 2) if self.network.images.layout == "NHWC" else (2, 3))
        return maps.float(), None if feature is None else feature.float()

    def _has_channels_last(self, maps: Tensor) -> bool:
        """Tell if the last axis of logits is the classes."""
        return self.network.images.layout == "NHWC" and maps.shape[-1] == self.network.classes


@dataclass(frozen=True, eq=False)
class Call:
    """What a graph was asked, and what it answered."""

    port: Port
    asked: Tensor
    answers: Sequence[Tensor]


@dataclass(eq=False)
class Running:
    """Runs the graphs, and keeps what they were asked."""

    calls: list[Call] = field(default_factory=list)

    def answer(self, port: Port, asked: Tensor) -> Sequence[Tensor]:
        """Return what ONNX Runtime computes."""
        from reliseg.models.graphs.onnx_session import run_session

        found = run_session(port.network.session, port.outputs, {port.network.images.name: asked.contiguous().numpy()})
        answers = [torch.tensor(array) for array in found.values()]
        self.calls.append(Call(port, asked, answers))
        return answers


@dataclass(eq=False)
class _Asking:
    """Keeps what graphs are asked; nothing is made of its answers, which have the size of the question."""

    asked: list[Tensor] = field(default_factory=list)

    def answer(self, port: Port, asked: Tensor) -> Sequence[Tensor]:
        """Return zeros."""
        self.asked.append(asked)
        sides = asked.shape[2:] if port.network.images.layout == "NCHW" else asked.shape[1:3]
        maps = torch.zeros(asked.shape[0], port.network.classes, *sides)
        return [maps, *(torch.zeros(asked.shape[0], 1) for _ in port.outputs[1:])]


@dataclass(eq=False)
class _Answering:
    """Gives what it was given, call by call."""

    answers: Iterator[Tensor]

    def answer(self, port: Port, asked: Tensor) -> Sequence[Tensor]:
        """Return the next ones."""
        return [next(self.answers) for _ in port.outputs]


class Before(nn.Module):
    """Images -> what graphs are asked, call by call. `shown` is the part of `whole` that asks them."""

    def __init__(self, shown: nn.Module) -> None:
        super().__init__()
        self.shown = shown

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the inputs of all calls."""
        asking = _Asking()
        with torch.no_grad(), exchanging(self.shown, asking):
            self.shown(image)
        return tuple(asking.asked)


class After(nn.Module):
    """What graphs have answered, call by call, and the images -> what the whole module gives."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, image: Tensor, answers: list[Tensor]) -> tuple[Tensor, ...]:
        """Return what `whole` returns."""
        with exchanging(self.whole, _Answering(iter(answers))):
            maps: tuple[Tensor, ...] = self.whole(image)
        return maps


@contextmanager
def exchanging(module: nn.Module, exchange: Exchange) -> Iterator[None]:
    """Let the ports of a module get their answers there, meanwhile."""
    ports = ports_of(module)
    before = [port.exchange for port in ports]
    for port in ports:
        port.exchange = exchange
    try:
        yield
    finally:
        for port, own in zip(ports, before, strict=True):
            port.exchange = own


def ports_of(module: nn.Module) -> list[Port]:
    """Return the ports of a module, the first asked first."""
    return [part for part in module.modules() if isinstance(part, Port)]


def set_number(module: nn.Module, image: Tensor) -> bool:
    """Return whether a module takes any number of images; where a graph does not, it is asked about one at a time.

    Graphs that say they take any number are tried with two, as some cannot.
    """
    ports = ports_of(module)
    if not any(port.alone for port in ports):
        try:
            module(torch.cat([image, image]))
            return True
        except Exception:  # of whatever operator the number is fixed in; one image is tried next
            pass
    for port in ports:
        port.alone = True
    return False
