"""The benchmark of the GPU kernel: what it is compared with counts the same, and nothing is claimed unmeasured."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.kernel_images import ALL, image, view_of

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.stats import Layout
from reliseg.stats.fixed import real

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("gpu_benchmark", BENCHMARKS / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("kernel", None)


def test_the_torch_operations_count_what_the_kernel_counts(benchmark):
    logits, truth = image(3, 7, (16, 32), (64, 128))
    kernel = Kernel(Layout(7, ALL))
    row = kernel.observe(view_of(logits, truth.shape), truth, "a")
    want = kernel.statistics()
    found = benchmark.torch_statistics(torch.from_numpy(logits), torch.from_numpy(truth), 7)
    got = {name: table.numpy() for name, table in found.items()}
    few, sums = 4, 1e-6 * truth.size

    def moved(name, table):
        return np.abs(got[name] - table.ravel()).sum() / 2

    assert moved("counts", want.top.counts) <= few
    assert moved("classwise", want.classwise.counts) <= few
    assert moved("hits", want.classwise.hits) <= few
    assert np.abs(got["confident"] - want.confident.counts).sum() <= few
    for score in ALL:
        assert np.abs(np.cumsum(got[f"ranks.{score}"] - want.ranks[score].counts.ravel())).max() <= few
        expected = real(row.score_sums[0, ALL.index(score)])
        np.testing.assert_allclose(got[f"sums.{score}"] / 2**24, expected, atol=sums)
    for name, limbs in {"confidence": want.top.confidence, "probability": want.classwise.probability}.items():
        assert np.abs(got[name] / 2**24 - real(limbs).ravel()).sum() <= sums + few
    np.testing.assert_allclose(
        np.cumsum(got["fine_confidence"]) / 2**24, np.cumsum(real(want.confidence.sums)), atol=few
    )
    np.testing.assert_allclose(got["losses"] / 2**24, [real(want.losses.nll), real(want.losses.brier)], atol=sums)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_every_line_says_so():
    command = [sys.executable, str(BENCHMARKS / "gpu.py")]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, env=dict(os.environ)
    ).stdout.splitlines()
    assert len(shown) == 5
    assert all(line.startswith("GPU, ") and ": not measured here" in line for line in shown)
    assert sum("(<= " in line for line in shown) == 3
