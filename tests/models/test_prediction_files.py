"""What a file of a prediction must hold, and what is written."""

from pathlib import Path

import numpy as np
import pytest
from helpers.rows import StoredRows

from reliseg.labels import label_space
from reliseg.models.array_files import ArrayFileError
from reliseg.models.prediction_files import Expected, look_at_file, read_file, save_logits
from reliseg.prediction import Prediction
from reliseg.stats.probabilities import LOG_ZERO

CAMVID = label_space("camvid")
EXPECTED = Expected(CAMVID)
SIZE = (16, 20)


def logits(classes: int = 11, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(classes, 4, 5)).astype(np.float32)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=0)


def refusal(path: Path, expected: Expected = EXPECTED) -> str:
    with pytest.raises(ArrayFileError) as caught:
        look_at_file(path, expected)
    with pytest.raises(ArrayFileError) as again:
        read_file(path, expected, SIZE)
    assert str(again.value) == str(caught.value)
    return str(caught.value)


BROKEN = {
    "has no array 'logits' or 'probabilities'; write it with numpy.savez": {"prediction": np.zeros(3)},
    "has both 'logits' and 'probabilities'; say by values": {"logits": logits(), "probabilities": softmax(logits())},
    "holds uint8; logits must be floating-point, not a map of classes": {"logits": np.zeros((11, 4, 5), np.uint8)},
    "holds uint8; probabilities must be floating-point, not rounded": {"probabilities": np.zeros((11, 4, 5), np.uint8)},
    "holds several fields; logits must be": {"logits": np.zeros((11, 4, 5), "f4,f4")},
    "holds object; logits must be": {"logits": np.array([object()])},
    "holds complex64; logits must be": {"logits": logits().astype(np.complex64)},
    "holds an array of 1 x 11 x 4 x 5; write logits as classes x": {"logits": logits()[None]},
    "holds an array of a single number; write probabilities as": {"probabilities": np.float32(1)},
    "holds an array of 11 x 0 x 5": {"logits": logits()[:, :0]},
    "gives 4 classes, label space camvid has 11": {"logits": logits().transpose(1, 2, 0)},
    "an 'align_corners' that is not one boolean": {"logits": logits(), "align_corners": np.zeros(2, bool)},
    "'align_corners' that is not one": {"logits": logits(), "align_corners": 7},
    "a 'feature' of float64, 2 x 3; write one float vector": {"logits": logits(), "feature": np.zeros((2, 3))},
    "a 'feature' of int64, 3; write one float vector": {"logits": logits(), "feature": np.arange(3)},
    "a 'feature' of float64, 0; write one float vector": {"logits": logits(), "feature": np.zeros(0)},
    "gives probabilities, not logits (they sum to 1 in each pixel)": {"logits": softmax(logits())},
    "gives probabilities, not logits (none is negative": {"logits": 100 * softmax(logits())},
    "gives probabilities that sum to 100 in row": {"probabilities": (100 * softmax(logits())).astype(np.float32)},
    "as a probability, of class": {"probabilities": logits()},
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, problem: str) -> None:
    arrays = BROKEN[problem]
    np.savez(tmp_path / "a.npz", allow_pickle=True, **arrays)  # type: ignore[arg-type]
    assert problem in refusal(tmp_path / "a.npz")


def test_what_is_said_of_values_must_agree_with_the_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, logits=logits())
    stated = Expected(CAMVID, "probabilities")
    assert "has an array 'logits', and values says probabilities; name" in refusal(path, stated)
    assert "holds logits, and the first file of the folder probabilities" in refusal(
        path, Expected(CAMVID, earlier="probabilities")
    )
    np.savez(path, probabilities=softmax(logits()))
    assert look_at_file(path, EXPECTED) == "probabilities"
    assert look_at_file(path, Expected(CAMVID, "probabilities")) == "probabilities"
    assert "has an array 'probabilities', and values says logits" in refusal(path, Expected(CAMVID, "logits"))
    np.savez(path, probabilities=softmax(logits()), logits=logits())
    assert look_at_file(path, Expected(CAMVID, "probabilities")) == "probabilities"
    assert look_at_file(path, Expected(CAMVID, "logits")) == "logits"
    np.save(tmp_path / "a.npy", softmax(logits()))
    assert look_at_file(tmp_path / "a.npy", Expected(CAMVID, "probabilities")) == "probabilities"
    assert "gives probabilities, not logits" in refusal(tmp_path / "a.npy")
    np.savez(path, logits=np.abs(logits()) / 9)
    assert "gives probabilities, not logits (all values are from 0 to 1)" in refusal(path)
    assert look_at_file(path, Expected(CAMVID, "logits")) == "logits"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
def test_any_float_is_read(tmp_path: Path, dtype: object) -> None:
    np.savez(tmp_path / "a.npz", logits=logits().astype(dtype))
    read = read_file(tmp_path / "a.npz", EXPECTED, SIZE)
    assert read.array.dtype == np.float32
    np.testing.assert_array_equal(read.array, logits().astype(dtype).astype(np.float32))
    np.savez(tmp_path / "a.npz", probabilities=softmax(logits()).astype(dtype))
    read = read_file(tmp_path / "a.npz", EXPECTED, SIZE)
    np.testing.assert_allclose(read.array, softmax(logits()), rtol=1e-3)
    Prediction.of_probabilities(read.array, SIZE)


def test_a_prediction_is_no_larger_than_16_images(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", logits=np.zeros((11, 1000, 1000), np.float32))
    with pytest.raises(ArrayFileError, match=r"11 x 1000 x 1000 float32, 44 MB, and the limit is 17 MB$"):
        read_file(tmp_path / "a.npz", EXPECTED, SIZE)
    assert read_file(tmp_path / "a.npz", EXPECTED, (250, 250)).array.shape == (11, 1000, 1000)


@pytest.mark.parametrize("feature", [None, np.arange(6, dtype=np.float32)])
def test_what_is_saved_is_read_again(tmp_path: Path, feature: np.ndarray | None) -> None:
    saved = Prediction(logits=logits(), size=SIZE, align_corners=True, feature=feature)
    save_logits(tmp_path / "day" / "0001.npz", saved)
    read = read_file(tmp_path / "day" / "0001.npz", EXPECTED, SIZE)
    np.testing.assert_array_equal(read.array, saved.logits.astype(np.float16).astype(np.float32))
    assert read.align_corners
    np.testing.assert_array_equal(read.feature, feature)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["0001.npz"]


def test_probabilities_are_saved_as_they_are(tmp_path: Path) -> None:
    p = softmax(20 * logits()).astype(np.float32)
    assert (p < 1e-8).any()
    saved = Prediction.of_probabilities(p, SIZE, True)
    save_logits(tmp_path / "a.npz", saved)
    read = read_file(tmp_path / "a.npz", EXPECTED, SIZE)
    np.testing.assert_array_equal(read.array, p)
    np.testing.assert_array_equal(Prediction.of_probabilities(read.array, SIZE, True).logits, saved.logits)


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save_logits(tmp_path / "a.npz", Prediction(logits=logits(), size=SIZE))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("offset", "scale", "dtype"),
    [(0, 5, np.float16), (40, 5, np.float16), (0, 0.01, np.float16), (3000, 1, np.float32), (0, 1e-7, np.float32)],
)
def test_logits_are_saved_in_a_type_that_keeps_what_tells_classes_apart(
    tmp_path: Path, offset: float, scale: float, dtype: type
) -> None:
    z = (offset + np.random.default_rng(0).normal(0, scale, (11, 8, 8))).astype(np.float32)
    save_logits(tmp_path / "a.npz", Prediction(z, (8, 8)))
    saved = np.load(tmp_path / "a.npz")["logits"]
    assert saved.dtype == dtype
    assert (saved.argmax(axis=0) == z.argmax(axis=0)).mean() > 0.99


def test_rows_of_probabilities_are_saved_as_probabilities_at_the_size_of_the_image(tmp_path):
    log_p = np.log(np.random.default_rng(0).dirichlet(np.ones(11), SIZE).transpose(2, 0, 1)).astype(np.float32)
    log_p[3, 0, 0] = LOG_ZERO
    save_logits(tmp_path / "a.npz", Prediction(StoredRows(log_p, of_probabilities=True), SIZE))
    with np.load(tmp_path / "a.npz") as stored:
        assert set(stored) == {"probabilities", "align_corners"}
        p = stored["probabilities"]
    expected = np.exp(log_p.astype(np.float64))
    expected[3, 0, 0] = 0
    np.testing.assert_allclose(p, expected / expected.sum(axis=0), atol=1e-7)
    assert p[3, 0, 0] == 0


def test_rows_of_logits_are_saved_as_logits_at_the_size_of_the_image(tmp_path):
    z = np.random.default_rng(0).normal(size=(11, *SIZE)).astype(np.float32)
    save_logits(tmp_path / "a.npz", Prediction(StoredRows(z), SIZE))
    with np.load(tmp_path / "a.npz") as stored:
        np.testing.assert_allclose(stored["logits"], z, atol=2e-3)
