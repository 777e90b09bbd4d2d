"""The benchmarks of the store: what they store is what a run would find there."""

import importlib.util
import sys
from pathlib import Path

import pytest

import reliseg
from reliseg.run.store.piece_files import PieceHead, save_piece, verify_piece

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch, request):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(f"{request.param}_benchmark", BENCHMARKS / f"{request.param}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("kernel", None)
    sys.modules.pop("machine", None)


@pytest.mark.parametrize("benchmark", ["store"], indirect=True)
def test_all_that_a_configuration_asks_for_is_stored(benchmark, tmp_path, monkeypatch):
    config = benchmark.world(tmp_path, models=2, images=70)
    shards = benchmark.fill(config, tmp_path / "run")
    monkeypatch.setattr("reliseg.run.predict.stream.PredictionStream.predictions_of_groups", None)
    results = reliseg.run_config(config, tmp_path / "run")
    assert shards >= 4
    assert {(row.model, row.n_images) for row in results} == {("net0", 70), ("net1", 70)}


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ["metrics"], indirect=True)
def test_pieces_that_are_weighed_are_whole(benchmark, tmp_path):
    for number, observed in enumerate(benchmark.growing(1.3, {1, 2}), 1):
        renamed = benchmark.rename_rows(observed, tuple("ab"[:number]))
        path = tmp_path / f"{number}.zip"
        save_piece(path, PieceHead(dict.fromkeys("ab"[:number], "0" * 64), {}, {}, "identity"), renamed)
        assert verify_piece(path) is not None
