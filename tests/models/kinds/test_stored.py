import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reliseg.errors import ModelError, SampleError
from reliseg.labels import label_space
from reliseg.models import MODELS, Augmented, Input, ModelOptions, Slide
from reliseg.models.kinds.stored import StoredModel
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


def test_a_file_is_called_like_the_sample(tmp_path: Path) -> None:
    store(tmp_path, "day/0001.npz", logits=logits(seed=1))
    store(tmp_path, "dusk/0001.npz", logits=logits(seed=2))
    model = StoredModel.load(options(tmp_path))
    for sample, seed in [("day/0001", 1), ("dusk/0001", 2)]:
        np.testing.assert_array_equal(predict(model, sample).logits, logits(seed=seed))
    assert model.missing(["day/0001", "dusk/0001"]) == {}


def test_a_file_of_another_scene_serves_nobody(tmp_path: Path) -> None:
    store(tmp_path, "a/000.npz")
    model = StoredModel.load(options(tmp_path))
    folder = tmp_path / "logits"
    needed = f"no stored prediction; {folder}/b/000.npz is needed, and a/000.npz is not called like it"
    assert model.missing(["b/000", "b/001"]) == {
        "b/000": needed,
        "b/001": f"no stored prediction; {folder}/b/001.npz is needed",
    }
    with pytest.raises(SampleError) as caught:
        predict(model, "b/000")
    assert str(caught.value) == f"b/000: {needed}"


def test_a_stem_names_a_sample_only_where_all_files_lie_side_by_side(tmp_path: Path) -> None:
    store(tmp_path, "0001.npz", logits=logits(seed=3))
    model = StoredModel.load(options(tmp_path))
    np.testing.assert_array_equal(predict(model, "dusk/0001").logits, logits(seed=3))
    assert model.missing(["dusk/0001"]) == {}
    store(tmp_path, "day/0002.npz")
    model = StoredModel.load(options(tmp_path))
    assert list(model.missing(["day/0002", "dusk/0001"])) == ["dusk/0001"]


def test_a_file_serves_one_sample_only(tmp_path: Path) -> None:
    store(tmp_path, "0001.npz")
    model = StoredModel.load(options(tmp_path))
    problems = model.missing(["a/0001", "b/0001"])
    assert problems["a/0001"] == f"0001.npz in {tmp_path / 'logits'} fits b/0001 too; call it a/0001.npz or b/0001.npz"
    assert list(problems) == ["a/0001", "b/0001"]


def test_a_saved_file_is_found_by_domain_and_data_set(tmp_path: Path) -> None:
    for i, name in enumerate(["s/1", "day/s/1", "field/day/s/1"]):
        folder = tmp_path / str(i)
        store(folder, f"{name}.npz", logits=logits(seed=i))
        model = StoredModel.load(options(folder))
        np.testing.assert_array_equal(predict(model.of_domain("field/day"), "s/1").logits, logits(seed=i))
        assert model.of_domain("field/day").files("s/1") == (folder / "logits" / f"{name}.npz",)
        assert model.of_domain("field/day").missing(["s/1"]) == {}
        others = ["", "field/night", "forest/night"] if i == 1 else ["", "forest/day", "field/night"]
        assert all(bool(model.of_domain(other).missing(["s/1"])) == (i > 0) for other in others)


@pytest.mark.parametrize("names", [("day/1.npz", "day/1.npy"), ("day/1.npz", "fog/day/1.npz"), ("1.npz", "1.npy")])
def test_two_files_that_fit_are_ambiguous(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        path = store(tmp_path, f"{name.partition('.')[0]}.npz")
        if name.endswith(".npy"):
            np.save(tmp_path / "logits" / name, logits())
        assert path.exists()
    if names == ("day/1.npz", "day/1.npy"):
        assert (tmp_path / "logits" / "day" / "1.npz").exists()
    model = StoredModel.load(options(tmp_path)).of_domain("field/fog")
    first, second = names
    problem = f"{first} and {second} in {tmp_path / 'logits'} both fit; keep one, called day/1.npz"
    assert model.missing(["day/1"]) == {"day/1": problem}
    with pytest.raises(SampleError, match="both fit; keep one, called"):
        predict(model, "day/1")


@pytest.mark.parametrize("form", ["caf\u00e9", "cafe\u0301", os.fsdecode(b"caf\xe9")])
def test_a_name_with_an_accent_is_found_however_it_is_stored(tmp_path: Path, form: str) -> None:
    store(tmp_path, f"{form}/{form}.npz", logits=logits(seed=1))
    store(tmp_path, "b/0.npz")
    model = StoredModel.load(options(tmp_path))
    assert model.missing(["caf\u00e9/caf\u00e9"]) == {}
    assert np.array_equal(predict(model, "caf\u00e9/caf\u00e9").logits, logits(seed=1))
    other = "cafe\u0301" if form == "caf\u00e9" else "caf\u00e9"
    store(tmp_path, f"{other}/{other}.npz")
    with pytest.raises(SampleError, match=r"caf\\u00e9/caf\\u00e9.npz and .* both fit"):
        predict(model, "caf\u00e9/caf\u00e9")


def test_a_pipe_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    store(tmp_path, "day/0.npz")
    model = StoredModel.load(options(tmp_path))
    os.mkfifo(tmp_path / "logits" / "day" / "1.npz")
    assert model.files("day/1") == ()
    with pytest.raises(SampleError, match=r"day/1: .*1\.npz cannot be read \(it is a pipe, not a regular file\)"):
        predict(model, "day/1")
    (tmp_path / "logits" / "day" / "0.npz").unlink()
    with pytest.raises(ModelError, match="it is a pipe"):
        StoredModel.load(options(tmp_path))


def test_probabilities_are_log_p_of_the_images_size(tmp_path: Path) -> None:
    p = np.exp(logits()) / np.exp(logits()).sum(axis=0)
    store(tmp_path, "day/0.npz", probabilities=p)
    with np.load(tmp_path / "logits" / "day" / "0.npz") as both:
        np.savez(tmp_path / "logits" / "day" / "0.npz", probabilities=both["probabilities"])
    model = StoredModel.load(options(tmp_path))
    assert model.gives_probabilities
    assert model.provenance()["values"] == "probabilities"
    assert model.fingerprint() != StoredModel.load(logits_of(tmp_path)).fingerprint()
    prediction = predict(model, "day/0")
    assert prediction.logits.shape == (11, *SIZE)
    np.testing.assert_array_equal(prediction.probabilities, p)
    store(tmp_path, "day/1.npz")
    with pytest.raises(SampleError, match=r"1\.npz holds logits, and the first file of the folder probabilities"):
        predict(model, "day/1")


def logits_of(folder: Path) -> ModelOptions:
    store(folder / "other", "0.npz")
    return options(folder / "other")


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


def test_a_file_that_holds_something_else(tmp_path: Path) -> None:
    store(tmp_path, "0000.npz")
    model = StoredModel.load(options(tmp_path))
    path = store(tmp_path, "0000.npz", logits=logits(classes=4))
    problem = f"{path} gives 4 classes, label space camvid has 11"
    with pytest.raises(SampleError, match="^day/0000: " + re.escape(problem)):
        predict(model, "day/0000")
    with pytest.raises(ModelError, match=re.escape(problem)):
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


def test_predictions_whose_height_and_width_are_swapped_are_refused(tmp_path: Path) -> None:
    store(tmp_path, "0.npz", logits=logits().transpose(0, 2, 1))
    model = StoredModel.load(options(tmp_path))
    [prediction] = model.predict([Input("a/0", (20, 16))])
    assert prediction.size == (20, 16)
    with pytest.raises(SampleError, match="height and width are swapped"):
        predict(StoredModel.load(options(tmp_path)), "a/0")


def test_other_proportions_are_noted(tmp_path: Path) -> None:
    store(tmp_path, "0.npz")
    model = StoredModel.load(options(tmp_path)).of_domain("a/b")
    model.predict([Input("a/0", (16, 20))])
    assert model.notes() == []
    model.predict([Input("a/0", (16, 90))])
    assert "which has other proportions" in model.notes()[0]


@pytest.mark.parametrize(
    "given",
    [
        {"key": "ema"},
        {"output": 0},
        {"resize": (32, 32)},
        {"interpolation": "torch"},
        {"slide": Slide((8, 8), (4, 4))},
        {"tta": Augmented(flip=True)},
        {"mc_dropout": 4},
        {"masks": "image"},
        {"precision": "bfloat16"},
    ],
)
def test_options_of_networks_are_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    store(tmp_path, "day/0001.npz")
    text = f"^model old: {next(iter(given))} applies only to networks, and these logits are stored; leave it out$"
    with pytest.raises(ModelError, match=text):
        StoredModel.load(options(tmp_path, **given))
