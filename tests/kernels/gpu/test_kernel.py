"""The device kernel: its tests under Triton's interpreter and on a GPU, and what it compiles to for GPUs."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.triton_process import TESTS, in_its_own_process, needs_triton

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.stats import DeviceLogits, Layout

INTERPRETED = TESTS / "helpers" / "interpreted_triton_kernel.py"
LAYOUT = Layout(3, ("msp",))


@pytest.mark.slow
@needs_triton
def test_it_agrees_with_reference_and_cpu_kernel_under_the_interpreter():
    shown = in_its_own_process(
        "-m", "pytest", str(INTERPRETED), "-p", "no:cacheprovider", "-p", "no:randomly", TRITON_INTERPRET="1"
    )
    assert int(re.search(r"(\d+) passed", shown)[1]) > 55, shown
    assert "skipped" not in shown


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here: the kernel is not tested on one")
def test_it_agrees_with_reference_and_cpu_kernel_on_a_gpu():
    in_its_own_process("-m", "pytest", str(INTERPRETED), "-p", "no:cacheprovider", TRITON_INTERPRET="0")


def test_where_it_cannot_run_one_note_says_why():
    notes = []
    kernels = Kernels(notes.append)
    logits = DeviceLogits(torch.zeros(3, 2, 2))  # no kernel for the CPU but in the interpreter
    assert kernels.on_device(LAYOUT, logits) is None
    assert kernels.on_device(LAYOUT, logits) is None
    assert len(notes) == 1
    assert notes[0].startswith("statistics are computed on the CPU, because there is no kernel for cpu (")
    assert "\n" not in notes[0]


def test_without_triton_a_note_names_it(monkeypatch):
    for module in [m for m in sys.modules if m == "triton" or m.startswith("reliseg.kernels.gpu")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "reliseg.kernels.gpu.kernel", raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    notes = []
    assert Kernels(notes.append).on_device(LAYOUT, DeviceLogits(torch.zeros(3, 2, 2))) is None
    assert "triton" in notes[0]


def test_a_kernel_that_miscounts_is_not_used(monkeypatch):
    class Wrong(Kernel):
        def __init__(self, layout, device):
            super().__init__(layout)

        def observe(self, view, truth, sample, band=slice(None)):
            return super().observe(replace(view, logits=-np.asarray(view.logits)), truth, sample, band)

    module = type(sys)("reliseg.kernels.gpu.kernel")
    module.TritonKernel = Wrong
    monkeypatch.setitem(sys.modules, module.__name__, module)
    notes = []
    assert Kernels(notes.append).on_device(LAYOUT, DeviceLogits(torch.zeros(3, 2, 2))) is None
    assert "miscounts" in notes[0]


def test_a_kernel_that_works_is_tried_once_for_equal_layouts(monkeypatch):
    tried = []

    class Working(Kernel):
        def __init__(self, layout, device):
            super().__init__(layout)

        def observe(self, view, truth, sample, band=slice(None)):
            tried.append(sample)
            return super().observe(view, truth, sample, band)

    module = type(sys)("reliseg.kernels.gpu.kernel")
    module.TritonKernel = Working
    monkeypatch.setitem(sys.modules, module.__name__, module)
    kernels = Kernels(lambda note: None)
    for _ in range(2):
        assert isinstance(kernels.on_device(replace(LAYOUT), DeviceLogits(torch.zeros(3, 2, 2))), Working)
    assert len(tried) == 1


def test_it_is_tried_with_all_that_the_run_wants(monkeypatch):
    """A Triton that compiles the kernel of one score may fail on that of several, in the middle of a run."""
    tried = []

    class Failing:
        def __init__(self, layout, device):
            tried.append((layout.scores, layout.classwise))

        def observe(self, view, truth, sample):
            raise RuntimeError("no kernel of these scores")

    module = type(sys)("reliseg.kernels.gpu.kernel")
    module.TritonKernel = Failing
    monkeypatch.setitem(sys.modules, module.__name__, module)
    notes = []
    wanted = Layout(3, ("margin", "msp"), classwise=False)
    assert Kernels(notes.append).on_device(wanted, DeviceLogits(torch.zeros(3, 2, 2))) is None
    assert tried == [(("margin", "msp"), False)]
    assert "no kernel of these scores" in notes[0]
