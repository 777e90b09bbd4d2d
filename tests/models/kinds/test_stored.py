import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reliseg.errors import ModelError, SampleError
from reliseg.labels import label_space
from reliseg.models import MODELS, Input, ModelOptions
from reliseg.models.kinds.stored import StoredModel, save_logits
from reliseg.prediction import Prediction
from reliseg.testing import check_model

CAMVID = label_space("camvid")
SIZE = (16, 20)


def logits(classes: int = 11, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(classes, 4, 5)).astype(np.float32)


def options(folder: Path, **changes: object) -> ModelOptions:
    defaults = ModelOptions(name="old", kind="stored", where="logits", labels=CAMVID, folder=folder)
    return replace(defaults, **changes)  # type: ignore[arg-type]


def store(folder: Path, name: str, **arrays: object) -> Path:
    path = folder / "logits" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **({"logits": logits()} | arrays))  # type: ignore[arg-type]
    return path


def predict(model: StoredModel, sample: str) -> Prediction:
    [prediction] = model.predict([Input(sample, SIZE)])
    return prediction


def test_the_registry_knows_it() -> None:
    assert MODELS.get("stored") is StoredModel
    assert not StoredModel.reads_images


def test_it_obeys_the_laws_of_models(tmp_path: Path) -> None:
    for i in range(4):
        store(tmp_path, f"day/{i}.npz", logits=logits(seed=i))
    check_model(StoredModel.load(options(tmp_path)), [Input(f"day/{i}", (16, 20 + 4 * (i % 2))) for i in range(4)])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("feature", [None, np.arange(6, dtype=np.float32)])
def test_what_is_saved_is_read_again(tmp_path: Path, dtype: type, feature: np.ndarray | None) -> None:
    saved = Prediction(logits=logits(), size=SIZE, align_corners=True, feature=feature)
    save_logits(tmp_path / "logits" / "day" / "0001.npz", saved, dtype)
    read = predict(StoredModel.load(options(tmp_path)), "day/0001")
    assert read.logits.dtype == np.float32
    np.testing.assert_array_equal(read.logits, saved.logits.astype(dtype).astype(np.float32))
    assert (read.size, read.align_corners) == (SIZE, True)
    np.testing.assert_array_equal(read.feature, feature)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["0001.npz"]


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save_logits(tmp_path / "a.npz", Prediction(logits=logits(), size=SIZE))
    assert not list(tmp_path.iterdir())


def test_a_sample_is_found_by_its_id_then_by_its_stem(tmp_path: Path) -> None:
    store(tmp_path, "day/0001.npz", logits=logits(seed=1))
    store(tmp_path, "dusk/0001.npz", logits=logits(seed=2))
    store(tmp_path, "0002.npz", logits=logits(seed=3))
    model = StoredModel.load(options(tmp_path))
    for sample, seed in [("day/0001", 1), ("dusk/0001", 2), ("dusk/0002", 3)]:
        np.testing.assert_array_equal(predict(model, sample).logits, logits(seed=seed))
    assert model.missing(["day/0001", "dusk/0001", "dusk/0002"]) == []


def test_a_stem_that_two_files_have_is_ambiguous(tmp_path: Path) -> None:
    store(tmp_path, "a/0001.npz")
    store(tmp_path, "b/0001.npz")
    model = StoredModel.load(options(tmp_path))
    assert model.missing(["c/0001"]) == ["c/0001"]
    with pytest.raises(SampleError, match=r"c/0001: a/0001.npz and b/0001.npz .* keep one, called c/0001.npz"):
        predict(model, "c/0001")


def test_a_sample_stored_as_npy_and_npz_is_ambiguous(tmp_path: Path) -> None:
    path = store(tmp_path, "day/0001.npz")
    np.save(path.with_suffix(".npy"), logits())
    with pytest.raises(SampleError, match="keep one"):
        predict(StoredModel.load(options(tmp_path)), "day/0001")


def test_a_file_serves_one_sample_only(tmp_path: Path) -> None:
    store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    assert model.missing(["a/0001", "b/0001"]) == ["a/0001", "b/0001"]
    assert model.missing(["a/0001"]) == []
    store(tmp_path, "a/0001.npz")
    assert model.missing(["a/0001"]) == []


def test_a_missing_file_names_the_path_that_is_needed(tmp_path: Path) -> None:
    store(tmp_path, "day/0001.npz")
    model = StoredModel.load(options(tmp_path))
    assert model.missing(["day/0001", "day/0002"]) == ["day/0002"]
    with pytest.raises(SampleError, match=r"day/0002: no stored prediction; .*logits/day/0002.npz is needed"):
        predict(model, "day/0002")


def test_a_plain_array_is_logits(tmp_path: Path) -> None:
    (tmp_path / "logits").mkdir()
    np.save(tmp_path / "logits" / "0001.npy", logits().astype(np.float64))
    read = predict(StoredModel.load(options(tmp_path)), "day/0001")
    np.testing.assert_array_equal(read.logits, logits())
    assert (read.align_corners, read.feature) == (False, None)


@pytest.mark.parametrize(
    ("stored", "option", "expected"), [(True, None, True), (True, False, False), (False, True, True)]
)
def test_the_configuration_overrides_align_corners(
    tmp_path: Path, stored: bool, option: bool | None, expected: bool
) -> None:
    store(tmp_path, "0001.npz", align_corners=stored)
    assert predict(StoredModel.load(options(tmp_path, align_corners=option)), "d/0001").align_corners is expected


BROKEN = {
    "has no array 'logits'": {"logits": None, "prediction": np.zeros(3)},
    "holds uint8; logits must be floating-point": {"logits": np.zeros((11, 4, 5), np.uint8)},
    "holds an array of 1 x 11 x 4 x 5": {"logits": logits()[None]},
    "holds an array of 11 x 0 x 5": {"logits": logits()[:, :0]},
    "gives 4 classes, label space camvid has 11": {"logits": logits().transpose(1, 2, 0)},
    "an 'align_corners' that is not one boolean": {"align_corners": np.zeros(2, bool)},
    "a 'feature' of float64, 2 x 3": {"feature": np.zeros((2, 3))},
    "cannot be read": {"logits": np.array([object()])},
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_file_that_holds_something_else(tmp_path: Path, problem: str) -> None:
    store(tmp_path, "0000.npz")
    store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    (tmp_path / "logits" / "0000.npz").unlink()
    path = store(tmp_path, "0001.npz", **{k: v for k, v in BROKEN[problem].items() if v is not None})
    if BROKEN[problem].get("logits", 0) is None:
        np.savez(path, prediction=np.zeros(3))
    with pytest.raises(SampleError) as caught:
        predict(model, "day/0001")
    assert str(caught.value).startswith(f"day/0001: {path} ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=problem):
        StoredModel.load(options(tmp_path))


@pytest.mark.parametrize("keep", [0, 1, 30, 200, -30])
def test_a_truncated_file(tmp_path: Path, keep: int) -> None:
    path = store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SampleError, match=r"0001.npz cannot be read \(.*\); write it again"):
        predict(model, "day/0001")


def test_a_damaged_file_is_a_sample_error_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    path = store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[generator.integers(len(damaged))] ^= int(generator.integers(1, 256))
        path.write_bytes(damaged)
        with suppress(SampleError):
            predict(model, "day/0001")


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    path = store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    path.write_bytes(pickle.dumps({"logits": [1.0]}))
    with pytest.raises(SampleError, match="cannot be read"):
        predict(model, "day/0001")


def test_wrong_folders_are_found_at_load_time(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model old: no folder .*logits"):
        StoredModel.load(options(tmp_path))
    (tmp_path / "logits").mkdir()
    with pytest.raises(ModelError, match=r"no .npz or .npy file in .*logits; one per sample is needed"):
        StoredModel.load(options(tmp_path))
    with pytest.raises(ModelError, match="model old: give labels"):
        StoredModel.load(options(tmp_path, labels=None))


def test_threads_may_share_it(tmp_path: Path) -> None:
    for i in range(20):
        store(tmp_path, f"day/{i}.npz", logits=logits(seed=i))
    model = StoredModel.load(options(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda i: predict(model, f"day/{i}"), range(20)))
    for i, prediction in enumerate(read):
        np.testing.assert_array_equal(prediction.logits, logits(seed=i))


def test_provenance_says_what_is_hashed(tmp_path: Path) -> None:
    store(tmp_path, "0001.npz")
    facts = StoredModel.load(options(tmp_path)).provenance()
    assert (facts["where"], facts["stored_files"], facts["files"]) == ("logits", 1, {})
    assert "nothing" in facts["hashed"]


def test_torch_is_not_imported() -> None:
    code = "import sys, reliseg.models.kinds.stored, reliseg.models.kinds.python; print('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"


def test_probabilities_are_refused_at_load_time(tmp_path: Path) -> None:
    raised = np.exp(logits())
    store(tmp_path, "0.npz", logits=(raised / raised.sum(axis=0)).astype(np.float16))
    with pytest.raises(ModelError, match=r"0\.npz gives probabilities, not logits \(.*\); .* values: probabilities$"):
        StoredModel.load(options(tmp_path))
