"""What the device kernel compiles to for GPUs that are not here."""

import re
import subprocess
from pathlib import Path

import pytest
from helpers.triton_process import in_its_own_process, needs_triton

COMPILE = """
import sys, triton
from pathlib import Path
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from reliseg.kernels.gpu.scores import KINDS, digits
from reliseg.kernels.gpu.walk import OPTIONS, observe_tiles as kernel
numbers = dict.fromkeys(["height", "width", "native_width", "plane", "rows", "classes"], "i32")
constants = {"VARIES": True, "CLASSWISE": True, "BY_LABEL": False, "SETS": False}
constants |= {"COUNT": len(KINDS), "SCORES": digits(KINDS)}
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
