"""Arithmetic of the device kernel against that of the CPU's, under Triton's interpreter."""

import pytest
from helpers.triton_process import in_its_own_process, needs_triton

COMPARE = """
import numpy as np, torch, triton
import triton.language as tl
from reliseg.kernels.cpu import binning
from reliseg.kernels.gpu import arithmetic as gpu
from reliseg.runtime import arithmetic as cpu

LOW, LAST = tl.constexpr(-20), tl.constexpr(90000)

@triton.jit
def all_of_it(x, exps, logs, units, bins, octaves, sets, edges, size: tl.constexpr):
    lane = tl.arange(0, size)
    value = tl.load(x + lane)
    tl.store(exps + lane, gpu.exp(-value))
    tl.store(logs + lane, gpu.log(1.0 + value))
    tl.store(units + lane, gpu.units(value))
    tl.store(bins + lane, gpu.reliability_bin(value, edges))
    tl.store(octaves + lane, gpu.octaves(value, LOW, LAST))
    tl.store(sets + lane, gpu.set_bin(tl.minimum(value, 0.5)))

x = np.concatenate([np.linspace(0, 1, 256), 10 ** np.random.default_rng(0).uniform(-9, 2, 256)]).astype(np.float32)
results = [torch.zeros(512, dtype=kind) for kind in (torch.float32,) * 3 + (torch.int32,) * 3]
all_of_it[(1,)](torch.from_numpy(x), *results, torch.from_numpy(binning.EDGES), size=512)
exps, logs, units, bins, octaves, sets = (result.numpy() for result in results)
error = np.abs(exps / np.array([cpu.exp(np.float32(-v)) for v in x]) - 1)
assert (error <= (2 + x / 2) * 1e-7).all(), error.max()
np.testing.assert_allclose(logs, [cpu.log(np.float32(1) + v) for v in x], rtol=2e-7)
np.testing.assert_array_equal(units, [np.rint(np.float64(v) * 2**24) for v in x])
np.testing.assert_array_equal(bins[1:], [binning.reliability_bin(v) for v in x[1:]])
np.testing.assert_array_equal(octaves, [binning.octaves(v, np.int32(-20), np.int32(90000)) for v in x])
np.testing.assert_array_equal(sets[1:], [binning.set_bin(v) for v in np.minimum(x, np.float32(0.5))[1:]])
print("equal")
"""


@needs_triton
@pytest.mark.slow
def test_it_is_that_of_the_cpu():
    """Exponentials and logarithms differ in their last bits: the interpreter rounds the product of a fused sum."""
    assert in_its_own_process("-c", COMPARE, TRITON_INTERPRET="1").strip() == "equal"
