"""What networks in torch run with: denormal numbers flushed by every thread, and the precision that was asked for."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reliseg.errors import CalibrationError, ModelError
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.kinds.python import PythonModel
from reliseg.models.kinds.stored import StoredModel
from reliseg.models.torch.network import Network, Normalisation
from reliseg.runtime.torch_settings import select_device, training_settings

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
PRECISIONS = """
import torch
from reliseg.runtime.torch_settings import inference_settings, training_settings

b = torch.backends
operations = b.cuda.matmul, b.cudnn.conv, b.cudnn.rnn, b.mkldnn.conv, b.mkldnn.matmul, b.mkldnn.rnn

def state():
    return [o.fp32_precision for o in operations]

for shorter in {shorter}:
    for part in (b, b.cudnn, b.mkldnn, *operations):
        part.fp32_precision = "none"  # each takes what the more general one says
    exec(shorter)
    before = state()
    for settings in (training_settings, inference_settings):
        with settings(1):
            print(*state(), b.cudnn.allow_tf32, b.cuda.matmul.allow_tf32, b.cudnn.benchmark, end=" ")
        print(state() == before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9 has no such setting")
def test_float32_is_computed_in_full_whatever_the_process_has_asked_for() -> None:
    """Training puts back what was asked for, a forward pass turns it off for good."""
    command = [sys.executable, "-c", PRECISIONS.format(shorter=list(SHORTER.values()))]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    in_full = ["ieee"] * 6 + ["False"] * 3
    for case, training, inference in zip(SHORTER, printed[::2], printed[1::2], strict=True):
        assert (case, *training.split()) == (case, *in_full, "True")
        assert (case, *inference.split()) == (case, *in_full, "False")


def test_training_puts_back_threads_and_algorithms() -> None:
    def state() -> tuple[Any, ...]:
        return (
            torch.get_num_threads(),
            torch.get_deterministic_debug_mode(),
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.allow_tf32,
            torch.get_float32_matmul_precision(),
        )

    before = state()
    torch.set_float32_matmul_precision("medium")
    try:
        asked_for = state()
        with training_settings(3):
            assert state() == (3, 2, False, False, "highest")  # 2: an algorithm that is not deterministic is an error
        assert state() == asked_for
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = before[3]
    assert state() == before


def test_a_device_that_is_not_there_is_an_error_of_its_user() -> None:
    with pytest.raises(ModelError, match=r"^model net: no device 'quantum' .*; use cpu or cuda"):
        select_device("quantum", "model net", ModelError)
    with pytest.raises(CalibrationError, match=r"^lts: no device 'cuda:99'"):
        select_device("cuda:99", "lts", CalibrationError)
    assert select_device("cpu", "lts", CalibrationError).type == "cpu"
    assert select_device("auto", "lts", CalibrationError).type in ("cpu", "cuda")


def test_the_precision_is_told_and_part_of_what_a_stored_result_depends_on() -> None:
    full, short = (PythonModel.of(Net(), options(precision=p)) for p in ("float32", "bfloat16"))
    assert [m.provenance()["precision"] for m in (full, short)] == ["float32", "bfloat16"]
    assert full.fingerprint() != short.fingerprint()


def test_a_precision_that_is_unknown_or_cannot_be_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match="precision is 'half'; use float32, bfloat16, float16"):
        predicted(precision="half")
    with pytest.raises(ModelError, match="model net: precision applies only to torch modules"):
        PythonModel.of(lambda image: image, options(precision="bfloat16"))
    with pytest.raises(ModelError, match="model net: precision applies only to networks, and these logits are stored"):
        StoredModel.load(options(precision="float16"))
