"""Two real networks, written from their papers, give the numbers that were computed apart from this project."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch.nn.functional import interpolate

from reliseg.errors import ModelError
from reliseg.labels import default_projection, label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.kinds.python import PythonModel

EXAMPLES = Path(__file__).parents[2] / "examples"
CITYSCAPES, CAMVID = label_space("cityscapes"), label_space("camvid")


@pytest.fixture(params=["dabnet", "edanet"])
def options(request: pytest.FixtureRequest, real_data: Path) -> ModelOptions:
    return ModelOptions(
        name=request.param,
        kind="python",
        where=f"own_model/{request.param}.py:build",
        labels=CITYSCAPES,
        weights=real_data / "weights" / f"{request.param}_cityscapes.pth",
        align_corners=True,
        folder=EXAMPLES,
        threads=1,
    )


def frame(path: Path) -> Input:
    pixels = np.asarray(Pillow.open(path).convert("RGB"))
    return Input(f"day/{path.stem}", pixels.shape[:2], pixels)


def log_probs(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Upsample the logits and project them to CamVid."""
    full = interpolate(torch.from_numpy(logits)[None], size, mode="bilinear", align_corners=True)[0]
    groups = torch.tensor(default_projection(CITYSCAPES, CAMVID).groups)
    projected = torch.stack([full[groups == g].logsumexp(0) for g in range(len(CAMVID))])
    return projected.log_softmax(0).numpy()


@pytest.mark.slow
def test_the_reference_is_reproduced(options: ModelOptions, real_data: Path) -> None:
    model = PythonModel.load(options)
    confusion, nll = np.zeros((11, 11), np.int64), 0.0
    bins = np.zeros((15, 2))  # confidence, correct
    for path in sorted((real_data / "camvid" / "test").glob("Seq05VD_*.png")):
        truth = np.asarray(Pillow.open(real_data / "camvid" / "testannot" / path.name))
        [prediction] = model.predict([frame(path)])
        assert prediction.logits.shape == (19, 45, 60)
        log = log_probs(prediction.logits, prediction.size)[:, truth < 11]
        label, winner = truth[truth < 11].astype(np.int64), log.argmax(0)
        confusion += np.bincount(label * 11 + winner, minlength=121).reshape(11, 11)
        nll -= log[label, np.arange(label.size)].sum(dtype=np.float64)
        confidence = np.exp(log.max(0))
        index = np.ceil(confidence * 15).astype(np.int64) - 1
        bins += np.stack([np.bincount(index, w, 15) for w in (confidence, winner == label)], axis=1)
    pixels, right = confusion.sum(), np.diag(confusion)
    measured = {
        "n_pixels": pixels,
        "pixel_accuracy": right.sum() / pixels,
        "miou": (right / (confusion.sum(0) + confusion.sum(1) - right)).mean(),
        "nll": nll / pixels,
        "ece": np.abs(bins[:, 0] - bins[:, 1]).sum() / pixels,
    }
    reference = json.loads((real_data / "reference.json").read_text())[f"{options.name}/day"]
    assert measured == pytest.approx({key: reference[key] for key in measured}, abs=1e-5)


@pytest.mark.slow
def test_a_batch_gives_what_single_images_give(options: ModelOptions, real_data: Path) -> None:
    model = PythonModel.load(options)
    frames = [frame(p) for p in sorted((real_data / "camvid" / "test").glob("0001TP_*.png"))[:3]]
    together = model.predict(frames)
    for alone, prediction in zip([model.predict([f])[0] for f in frames], together, strict=True):
        np.testing.assert_allclose(prediction.logits, alone.logits, atol=1e-4)


def test_weights_of_the_other_network_are_refused(options: ModelOptions, real_data: Path) -> None:
    other = "edanet" if options.name == "dabnet" else "dabnet"
    weights = real_data / "weights" / f"{other}_cityscapes.pth"
    with pytest.raises(ModelError, match=rf"{other}_cityscapes.pth do not fit the network: missing .* unexpected"):
        PythonModel.load(replace(options, weights=weights))
