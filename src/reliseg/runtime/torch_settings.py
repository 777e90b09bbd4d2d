"""How torch computes: the device, threads, and settings that make results repeatable."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch

from reliseg.errors import ReliSegError, one_line


def select_device(name: str, user: str, error: type[ReliSegError]) -> torch.device:
    """Return the device called `auto`, `cpu`, `cuda` or `cuda:i`; an error that names its user where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as problem:
        reason = one_line(problem).split(". ")[0]
        raise error(f"{user}: no device {name!r} ({reason}); use cpu or cuda[:i]") from problem
    return device


@contextmanager
def inference_settings(threads: int) -> Iterator[None]:
    """Run forward passes with the same settings, whatever the process has asked for.

    Denormal numbers make small networks several times slower on a CPU: they are flushed to zero, by this thread and by
    those that it starts from now on. That and the number of threads are put back afterwards. cuDNN's choice of kernels
    by timing, TF32, and bfloat16 in place of float32 on some CPUs change results from run to run or device to device:
    they are turned off for the process.
    """
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


@contextmanager
def training_settings(threads: int) -> Iterator[None]:
    """Train so that the same input gives the same bytes: fixed threads, deterministic algorithms, float32 in full.

    All settings are put back afterwards, but those that contradicted one another: torch refuses to read them.
    """
    threads_before, mode_before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    products_before, before = None, []
    with suppress(RuntimeError):
        products_before = torch.get_float32_matmul_precision()
    for owner, name, _ in _full_precision():
        with suppress(RuntimeError):
            before.append((owner, name, getattr(owner, name)))
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, which imports torch's compiler too
    _compute_in_full()
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_deterministic_debug_mode(mode_before)
        if products_before is not None:
            torch.set_float32_matmul_precision(products_before)
        for owner, name, value in before:
            setattr(owner, name, value)


def _compute_in_full() -> None:
    """Multiply float32 as float32 from now on, by kernels that are not chosen by timing."""
    torch.set_float32_matmul_precision("highest")  # sets cuda.matmul.allow_tf32 too
    for owner, name, value in _full_precision():
        setattr(owner, name, value)


def _full_precision() -> Iterator[tuple[Any, str, Any]]:
    """Yield the other settings that this takes: owner, name and value.

    Since torch 2.9 each kind of operation has a setting of its own, which `allow_tf32 = False` leaves to a general one.
    """
    cuda, cudnn, mkldnn = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
    yield cudnn, "benchmark", False
    yield cudnn, "allow_tf32", False
    for library, operations in ((cuda, ("matmul",)), (cudnn, ("conv", "rnn")), (mkldnn, ("conv", "matmul", "rnn"))):
        for operation in (getattr(library, name, None) for name in operations):
            if operation is not None and hasattr(operation, "fp32_precision"):
                yield operation, "fp32_precision", "ieee"


def describe_settings(device: torch.device, threads: int, precision: str) -> dict[str, Any]:
    """Return the settings of forward passes, for the provenance."""
    return {
        "torch": str(torch.__version__),
        "device": str(device),
        "threads": threads,
        "precision": precision,
        "cudnn_benchmark": False,
        "tf32": False,
        "flush_denormal": True,
    }
