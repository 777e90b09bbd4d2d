"""How torch computes: the device, threads, and settings that make results repeatable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from reliseg.errors import ModelError, one_line


def select_device(name: str, model: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda` or `cuda:i`; a ModelError where it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = one_line(error).split(". ")[0]
        raise ModelError(f"model {model}: no device {name!r} ({reason}); use cpu or cuda[:i]") from error
    return device


@contextmanager
def inference_settings(threads: int) -> Iterator[None]:
    """The settings that every forward pass runs with.

    Denormal numbers make small networks several times slower on a CPU: they are flushed to zero, by this thread and by
    those that it starts from now on. That and the number of threads come back after. cuDNN's choice of kernels by
    timing, TF32, and bfloat16 in place of float32 on some CPUs change results from run to run or device to device: they
    are turned off for the process.
    """
    torch.backends.cudnn.benchmark = False
    _compute_in_full()
    flushed_before = float(np.float32(1e-40) * np.float32(1.0)) == 0.0
    threads_before = torch.get_num_threads()
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_flush_denormal(flushed_before)


def _compute_in_full() -> None:
    """float32 is multiplied as float32, whatever was asked for elsewhere in the process.

    Since torch 2.9 each kind of operation has a setting of its own, which `allow_tf32 = False` leaves to a general one.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    operations = {
        torch.backends.cuda: ("matmul",),
        torch.backends.cudnn: ("conv", "rnn"),
        torch.backends.mkldnn: ("conv", "matmul", "rnn"),
    }
    for library, names in operations.items():
        for operation in (getattr(library, name, None) for name in names):
            if operation is not None and hasattr(operation, "fp32_precision"):
                operation.fp32_precision = "ieee"


def settings(device: torch.device, threads: int, precision: str) -> dict[str, Any]:
    """What forward passes run with, for the provenance."""
    return {
        "torch": str(torch.__version__),
        "device": str(device),
        "threads": threads,
        "precision": precision,
        "cudnn_benchmark": False,
        "tf32": False,
        "flush_denormal": True,
    }
