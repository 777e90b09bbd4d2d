"""The device kernel: its tests under Triton's interpreter and on a GPU, and what it compiles to for GPUs."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.stats import DeviceLogits, Layout

TESTS = Path(__file__).parents[2]
INTERPRETED = TESTS / "helpers" / "interpreted_triton_kernel.py"
LAYOUT = Layout(3, ("msp",))

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="no triton here (pip has it for Linux only): the GPU kernel is not tested"
)


def in_its_own_process(*command, **environment):
    """Triton is interpreted or not from its first import on; nothing else here may notice."""
    folders = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": folders, "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


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


COMPILE = """
import sys, triton
from pathlib import Path
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from reliseg.kernels.gpu.scores import KINDS, digits
from reliseg.kernels.gpu.walk import OPTIONS, observe_tiles as kernel
numbers = dict.fromkeys(["height", "width", "native_width", "plane", "rows", "classes"], "i32")
constants = {"VARIES": True, "CLASSWISE": True, "COUNT": len(KINDS), "SCORES": digits(KINDS)}
int32 = dict.fromkeys(["upper", "lower", "left", "right", "order", "starts", "columns", "fine"], "*i32")
float32 = dict.fromkeys(
    ["logits", "row_weights", "column_weights", "inverse_temperatures", "pixel_factors", "edges"], "*fp32"
)
for capability in 80, 90:
    for joins in True, False:
        constants["JOINS"] = joins
        known = {**dict.fromkeys(constants, "constexpr"), **numbers, **int32, **float32, "truth": "*u8"}
        source = ASTSource(kernel, {n: known.get(n, "*i64") for n in kernel.arg_names}, constexprs=constants)
        code = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=OPTIONS).asm
        path = Path(sys.argv[1]) / f"{capability}-{joins}"
        path.with_suffix(".ptx").write_text(code["ptx"])
        path.with_suffix(".cubin").write_bytes(code["cubin"])
"""


@pytest.fixture(scope="module")
def machine_code(tmp_path_factory):
    """The folder of the kernel's machine code for GPUs that are not here."""
    folder = tmp_path_factory.mktemp("machine_code")
    in_its_own_process("-c", COMPILE, str(folder), TRITON_CACHE_DIR=str(folder / "cache"))
    return folder


@pytest.mark.slow
@needs_triton
@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.parametrize("capability", [80, 90])
def test_it_compiles_for_gpus_that_are_not_here(machine_code, capability, joins):
    """The state of a tile fits the registers, and nothing slow or order-dependent is left in the code."""
    code = (machine_code / f"{capability}-{joins}.ptx").read_text()
    assert f".target sm_{capability}" in code
    assert "atom.global.gpu.relaxed.add.u64" in code
    assert not re.search(r"atom\.\S*\.f(32|64)", code), "a sum of floats depends on the order"
    assert ".f64" not in code
    assert "acq_rel" not in code
    assert "ex2.approx" not in code
    usage = resources(machine_code / f"{capability}-{joins}.cubin")
    assert usage["STACK"] <= 16  # bytes a lane: a spilled number or two, by the luck of the allocator
    assert usage["REG"] <= 85  # six tiles at once on each multiprocessor: 65,536 registers for 128 lanes each


def resources(cubin):
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        pytest.skip("this triton comes without cuobjdump, which tells registers")
    text = subprocess.run([tool, "-res-usage", cubin], capture_output=True, text=True, check=True).stdout
    return {key: int(value) for key, value in re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", text)}


def test_where_it_cannot_run_one_note_says_why():
    notes = []
    kernels = Kernels(notes.append)
    logits = DeviceLogits(torch.zeros(3, 2, 2))  # no kernel for the CPU but in the interpreter
    assert kernels.on_device(LAYOUT, logits) is None
    assert kernels.on_device(LAYOUT, logits) is None
    assert len(notes) == 1
    assert notes[0].startswith("statistics are taken on the CPU: no kernel for cpu (")
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
