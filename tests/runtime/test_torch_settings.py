"""What networks in torch run with: denormal numbers flushed by every thread, and the precision that was asked for."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.kinds.python import PythonModel
from reliseg.models.kinds.stored import StoredModel
from reliseg.models.torch.network import Network, Normalisation

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 11, 3, stride=4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def options(**changes: Any) -> ModelOptions:
    return ModelOptions("net", "python", "net", labels=label_space("camvid"), threads=1, **changes)


def predicted(**changes: Any) -> np.ndarray:
    return PythonModel.of(Net(), options(**changes)).predict([Input("a", IMAGE.shape[:2], IMAGE)])[0].logits


def test_denormals_are_flushed_by_threads_that_were_there_before() -> None:
    """Each of two threads multiplies half of the numbers; those of this thread's own pool are not flushed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    tiny = torch.full((1, 1, 1024, 1024), 1e-40)
    try:
        before = tiny * 1.0  # starts the pool of this thread
        network = Network(lambda _: (tiny * 1.0, None), Normalisation(), torch.device("cpu"), 2)
        found = network([IMAGE])[0].logits
    finally:
        torch.set_num_threads(threads)
    assert np.count_nonzero(before.numpy()) == tiny.numel()
    assert np.count_nonzero(found) == 0
    assert np.count_nonzero((tiny * 1.0).numpy()) == tiny.numel()


def test_bfloat16_is_that_of_autocast_and_gives_float32() -> None:
    full, short = predicted(), predicted(precision="bfloat16")
    pixels = Normalisation()([IMAGE], torch.device("cpu"))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = Net().eval()(pixels)
    assert expected.dtype == torch.bfloat16
    assert short.dtype == np.float32
    np.testing.assert_array_equal(short, expected[0].float().numpy())
    assert 0 < abs(short - full).max() < 2**-6 * abs(full).max()


SHORTER = {
    "everything in TF32": "torch.backends.fp32_precision = 'tf32'",
    "all of cuDNN in TF32": "torch.backends.cudnn.fp32_precision = 'tf32'",
    "all of a CPU in bfloat16": "torch.backends.mkldnn.fp32_precision = 'bf16'",
    "products in bfloat16": "torch.set_float32_matmul_precision('medium')",
}
IN_SETTLED = """
import torch
from reliseg.models.torch.network import inference_settings
{shorter}
with inference_settings(1):
    b = torch.backends
    parts = b.cuda.matmul, b.cudnn.conv, b.cudnn.rnn, b.mkldnn.conv, b.mkldnn.matmul, b.mkldnn.rnn
    print(*(part.fp32_precision for part in parts), b.cudnn.allow_tf32, b.cuda.matmul.allow_tf32)
"""


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9 has no such setting")
@pytest.mark.parametrize("shorter", SHORTER.values(), ids=SHORTER.keys())
def test_float32_is_computed_in_full_whatever_the_process_has_asked_for(shorter: str) -> None:
    command = [sys.executable, "-c", IN_SETTLED.format(shorter=shorter)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["ieee"] * 6 + ["False"] * 2


def test_the_precision_is_told_and_part_of_what_a_stored_result_depends_on() -> None:
    full, short = (PythonModel.of(Net(), options(precision=p)) for p in ("float32", "bfloat16"))
    assert [m.provenance()["precision"] for m in (full, short)] == ["float32", "bfloat16"]
    assert full.fingerprint() != short.fingerprint()


def test_a_precision_that_is_unknown_or_cannot_be_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match="precision is 'half'; use float32, bfloat16, float16"):
        predicted(precision="half")
    with pytest.raises(ModelError, match="model net: precision is for torch modules"):
        PythonModel.of(lambda image: image, options(precision="bfloat16"))
    with pytest.raises(ModelError, match="model net: precision is for networks, and these logits are stored"):
        StoredModel.load(options(precision="float16"))
