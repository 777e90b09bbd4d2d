"""A folder that has answered other questions gives the bytes of a new one, whatever has changed meanwhile."""

import importlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.stores import add_piece
from helpers.street import Street, make_street

import reliseg
from reliseg.config.schema import read_config, render_config
from reliseg.errors import IncompleteError
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverage
from reliseg.run.execute import Run
from reliseg.run.fit import fitting
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.stages import conclude
from reliseg.run.store.cover import Piece
from reliseg.run.store.piece_files import verify_piece
from reliseg.run.store.store import Store

pytestmark = pytest.mark.slow  # each of its tests makes runs

CODE = """
import numpy as np

def make():
    def predict(image):
        logits = np.zeros((11, *image.shape[:2]), np.float32)
        logits[:3] = image.transpose(2, 0, 1) / 50 * FACTOR
        return logits
    return predict
"""


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=3, day=3, dusk=2)


def outcome(street: Street, out: Path, **options) -> tuple[bytes, str]:
    """The table, and what was incomplete."""
    problem = ""
    try:
        reliseg.run_config(street.config, out, **options)
    except IncompleteError as error:
        problem = str(error)
    return (out / "results.csv").read_bytes(), problem


def compare(street: Street, out: Path, **options) -> bytes:
    """Ask a folder that has answered before, and a new one."""
    again = outcome(street, out, **options)
    assert again == outcome(street, out.with_name("fresh"), **options)
    return again[0]


def with_model(street: Street, *models: dict) -> None:
    street.write(street.content() | {"models": list(models)})


def python_model(where: str) -> dict:
    return {"name": "own", "kind": "python", "where": where, "labels": "camvid"}


def test_weights_that_only_a_function_knows_are_looked_at_again(street, tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    def write_weights(seed: int) -> None:
        torch.manual_seed(seed)
        save_file({"weight": torch.randn(11, 3, 1, 1), "bias": torch.randn(11)}, street.root / "weights.safetensors")

    (street.root / "network.py").write_text(
        "import pathlib, torch\nfrom safetensors.torch import load_file\n\n"
        "def make():\n    network = torch.nn.Conv2d(3, 11, 1)\n"
        "    network.load_state_dict(load_file(pathlib.Path(__file__).with_name('weights.safetensors')))\n"
        "    return network\n"
    )
    with_model(street, python_model("network.py:make"))
    write_weights(0)
    before, _ = outcome(street, tmp_path / "out")
    write_weights(1)
    assert compare(street, tmp_path / "out") != before


def test_a_module_is_the_one_that_is_imported_now(street, tmp_path, monkeypatch):
    for name, factor in (("a", 1.0), ("b", 3.0)):
        (street.root / name).mkdir()
        (street.root / name / "module_of_today.py").write_text(f"FACTOR = {factor}\n{CODE}")
    with_model(street, python_model("module_of_today:make"))
    before = None
    for name in ("a", "b"):
        monkeypatch.setattr(sys, "path", [str(street.root / name), *sys.path])
        sys.modules.pop("module_of_today", None)
        importlib.invalidate_caches()
        if before is None:
            before, _ = outcome(street, tmp_path / "out")
    assert compare(street, tmp_path / "out") != before
    sys.modules.pop("module_of_today")


def test_tables_of_a_model_with_code_need_no_network(street, tmp_path):
    (street.root / "network.py").write_text(f"FACTOR = 1.0\n{CODE}")
    with_model(street, python_model("network.py:make"))
    outcome(street, tmp_path / "out")
    config = read_config(street.config)
    plan = plan_from_config(config, street.root)
    plan = type(plan)(**vars(plan) | {"models": tuple(_never_loaded(source) for source in plan.models)})
    assert len(conclude(Run(plan, tmp_path / "out", render_config(config, street.root))))


def _never_loaded(source):
    def load():
        raise AssertionError("it is loaded")

    return type(source)(source.name, load, source.described)


def test_an_ensemble_of_stored_predictions_and_a_network_is_stored_and_goes_by_the_files_of_its_members(
    street, tmp_path
):
    (street.root / "network.py").write_text(f"FACTOR = 1.0\n{CODE}")
    both = {"name": "both", "kind": "ensemble", "members": ["net", "own"]}
    with_model(street, street.content()["models"][0], python_model("network.py:make"), both)
    before, problem = outcome(street, tmp_path / "out")
    assert not problem
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.zip")}
    assert outcome(street, tmp_path / "out") == (before, "")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.zip")} == kept
    prediction = next((street.root / "logits").rglob("*_1001.npz"))
    np.savez(prediction, logits=np.load(prediction)["logits"][::-1])
    assert compare(street, tmp_path / "out") != before


def test_an_image_that_a_calibration_was_fitted_on_is_found_in_what_was_stored_while_that_was_allowed(street, tmp_path):
    image = street.image("train", 1001)
    shutil.copy(street.image("val", 1), image)
    content = street.content()
    street.write(content | {"test": content["test"] | {"allow_seen": ["street/day"]}})
    assert not outcome(street, tmp_path / "out")[1]
    street.write(content)
    compare(street, tmp_path / "out")
    assert "s143/s143_1001: this is the same image as s0/s0_0001" in outcome(street, tmp_path / "out")[1]


def test_what_determines_a_fit_is_not_that_of_another_one_on_the_same_split(street, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "parts_of_code", lambda plugins: {"code": " ".join(type(p).__name__ for p in plugins)})
    section = street.content()["calibration"][0]
    calibration = [section | {"methods": ["ts"]}, section | {"methods": ["class_ts"]}]
    street.write(street.content() | {"calibration": calibration})
    plan = plan_from_config(read_config(street.config), street.root)
    context = RunContext(RunFolder(tmp_path / "out"))
    run = ModelRun(context, plan, context.handle(plan.models[0]))
    both, alone = fitting.Fitting(run), fitting.Fitting(run)
    assert [both.folders(fit) for fit in plan.fits][1] == alone.folders(plan.fits[1])


def test_pieces_that_share_a_sample_are_not_joined(tmp_path):
    place, first = add_piece(tmp_path, ("s/1", "s/2"))
    _, second = add_piece(tmp_path, ("s/2", "s/3"))
    store = Store(RunFolder(tmp_path).statistics, InputHashes())
    heads = [(path, verify_piece(path)) for path in (first, second)]
    store.join(place, [Piece(path, head) for path, head in heads if head is not None])
    assert sorted(store.folder.glob("??/*/*.zip")) == sorted([first, second])


def test_calibrations_that_were_deleted_are_there_again(street, tmp_path):
    before, _ = outcome(street, tmp_path / "out")
    records = tmp_path / "out" / "calibrations"
    kept = {path.name: path.read_bytes() for path in (records / "net").iterdir()}
    shutil.rmtree(records)
    assert outcome(street, tmp_path / "out") == (before, "")
    assert {path.name: path.read_bytes() for path in (records / "net").iterdir()} == kept


def test_calibrations_and_configurations_that_were_damaged_are_whole_again(street, tmp_path):
    out = tmp_path / "out"
    before, _ = outcome(street, out)
    paths = [*(out / "calibrations" / "net").iterdir(), *(out / "configurations").glob("*.yaml")]
    kept = {path: path.read_bytes() for path in paths}
    assert any(path.suffix == ".thresholds" for path in paths)
    for path in paths:
        path.write_bytes(kept[path][:-9] + b"damaged!}")
        assert outcome(street, out) == (before, "")
        assert {path: path.read_bytes() for path in paths} == kept


def test_what_failed_is_each_domains_own_where_two_have_samples_of_the_same_ids(street, tmp_path):
    plan = plan_from_config(read_config(street.config), street.root)
    context = RunContext(RunFolder(tmp_path / "out"))
    run = ModelRun(context, plan, context.handle(plan.models[0]))
    day, dusk = plan.tests
    samples = day.domain.samples
    twin = Target(dusk.dataset, replace(dusk.domain, samples=samples))
    places = {Coverage(run, t).place(Shard(t, samples)) for t in (day, twin)}
    assert len(places) == 2
    assert Coverage(run, day).place(Shard(day, samples), "identity") == Coverage(run, twin).place(
        Shard(twin, samples), "identity"
    )


def test_pieces_that_another_process_has_joined_meanwhile_are_left_to_it(tmp_path):
    place, first = add_piece(tmp_path, ("s/1",))
    _, second = add_piece(tmp_path, ("s/2",))
    pieces = [Piece(path, head) for path in (first, second) if (head := verify_piece(path)) is not None]
    first.unlink()
    store = Store(RunFolder(tmp_path).statistics, InputHashes())
    store.join(place, pieces)
    assert sorted(store.folder.glob("??/*/*.zip")) == [second]
