"""The benchmark of mask classification: what it is compared with computes the same."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("masks_benchmark", BENCHMARKS / "masks.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("kernel", None)
    sys.modules.pop("machine", None)


def test_torchs_operations_find_the_classes_that_rows_find(benchmark):
    for case in benchmark.CASES:
        small = {
            name: tuple(side // 16 for side in getattr(case, name)) for name in ("native", "padded", "seen", "image")
        }
        case = replace(case, queries=7, classes=5, **small)
        classes, masks = benchmark.drawn(case)
        rows = benchmark.MaskRows.of(classes, masks, case.order, benchmark.NetworkInput(case.padded, case.seen))
        maps = torch.from_numpy(rows.brought_to(case.image).rows(slice(None)))
        probabilities = torch.from_numpy(rows.probabilities[:, :-1].copy())
        assert (benchmark.torchs(case, torch.from_numpy(masks), probabilities) == maps.argmax(0)).float().mean() > 0.999
