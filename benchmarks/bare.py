"""The bare loop: torch alone over decoded images, here, or in a process of its own as a user's script would run it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reliseg.models.torch.network import Normalisation
from reliseg.runtime.torch_settings import inference_settings
from reliseg.types import Image as Pixels


@dataclass(frozen=True)
class Loop:
    """A network, made by `build`, and its images; on a GPU they lie there before the time begins."""

    build: Callable[[], torch.nn.Module]
    files: Sequence[Path]
    device: str
    threads: int

    @cached_property
    def _network(self) -> torch.nn.Module:
        return self.build().eval().to(self.device)

    @cached_property
    def _images(self) -> list[Pixels]:
        return [np.asarray(Image.open(file).convert("RGB")) for file in self.files]

    def seconds(self) -> float:
        """Of all images, one after the other."""
        images, network = self._images, self._network
        normalise, device = Normalisation(), torch.device(self.device)
        with inference_settings(self.threads), torch.inference_mode():
            there = [normalise([image], device) for image in images] if device.type == "cuda" else None
            wait()
            start = time.perf_counter()
            for i, image in enumerate(images):
                network(there[i] if there else normalise([image], device))
            wait()
            return time.perf_counter() - start


def wait() -> None:
    """For what a GPU still does."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def apart(
    loop: Loop, memory: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[Callable[[], float]]:
    """Its seconds in a process of its own, which has warmed up; each time is taken within `memory()`."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, loop, memory), daemon=True)
    process.start()
    there.close()

    def seconds() -> float:
        here.send(True)
        seconds: float = here.recv()
        return seconds

    try:
        seconds()
        yield seconds
    finally:
        here.close()
        process.join()


def _serve(connection: Connection, loop: Loop, memory: Callable[[], AbstractContextManager[None]]) -> None:
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        with memory():
            spent = loop.seconds()
        connection.send(spent)
