"""Networks and training on a device that is not the CPU. `test_on_another_device.py` runs this in its own process."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import other_device
from helpers.calibration_samples import two_tone
from helpers.worlds import space
from reliseg.calibration import Training
from reliseg.calibration.methods.lts import LocalTemperature
from reliseg.models import Input, ModelOptions
from reliseg.models.kinds.exported import ExportedModel
from reliseg.models.kinds.python import PythonModel

CHANGES_FROM_RUN_TO_RUN = {
    "aten::index_add",
    "aten::index_add_",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::scatter_add",
    "aten::scatter_add_",
    "aten::scatter_reduce",
    "aten::scatter_reduce_",
    "aten::cumsum",
    "aten::put_",
    "aten::median",
    "aten::histc",
    "aten::bincount",
    "aten::upsample_bilinear2d_backward",
    "aten::reflection_pad2d_backward",
    "aten::replication_pad2d_backward",
}
"""Operations whose results on a GPU, as torch documents, depend on the order in which threads happen to add."""


@pytest.fixture(autouse=True)
def _count_anew():
    other_device.operations.clear()


def test_tensors_of_two_places_do_not_meet():
    there, here = torch.ones(3, device=other_device.NAME), torch.ones(3)
    with pytest.raises(RuntimeError, match="expected all tensors on other"):
        there + here
    assert (there + torch.tensor(1.0)).cpu().tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("inputs", ["both", "logits", "image"])
def test_local_temperatures_train_on_the_device_to_the_same_bytes(inputs):
    sample, method = two_tone(0, 4), LocalTemperature(inputs=inputs, epochs=2, rate=0.03)
    expected = method.fit(sample)
    assert not other_device.operations
    actual = method.fit(replace(sample, training=Training(device=other_device.NAME)))
    for name, value in expected.parameters().items():
        np.testing.assert_array_equal(actual.parameters()[name], value, err_msg=name)
    assert {"aten::convolution_backward", "aten::addcdiv_"} <= other_device.operations.keys()
    assert not CHANGES_FROM_RUN_TO_RUN & other_device.operations.keys()


class Net(torch.nn.Module):
    """Two layers, a norm and what networks do between them."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.second = torch.nn.Conv2d(8, 4, 3, stride=2, padding=1)

    def forward(self, x):
        return {"out": self.second(torch.relu(self.norm(self.first(x))))}


def test_a_network_predicts_on_the_device_as_on_the_cpu():
    torch.manual_seed(0)
    net, images = Net(), np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), np.uint8)
    inputs = [Input(str(i), image.shape[:2], image) for i, image in enumerate(images)]
    options = ModelOptions(name="net", kind="python", where="net", labels=space(4), threads=1)
    expected = PythonModel.of(net, options).predict(inputs)
    actual = PythonModel.of(net, replace(options, device=other_device.NAME)).predict(inputs)
    assert {"aten::conv2d", "aten::batch_norm", "aten::relu"} <= other_device.operations.keys()
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(np.asarray(other.logits), one.logits)
        np.testing.assert_array_equal(other.feature, one.feature)


class Positions(Net):
    """A network that makes tensors of its own."""

    def forward(self, x):
        rows = torch.arange(x.shape[2], device=x.device, dtype=x.dtype)
        return super().forward(x + rows[:, None] / 100)["out"]


def test_a_program_predicts_on_the_device_also_what_it_was_exported_to_make_on_the_cpu(tmp_path):
    program = torch.export.export(Positions().eval(), (torch.zeros(1, 3, 24, 32),))
    torch.export.save(program, tmp_path / "net.pt2")
    options = ModelOptions("net", "exported", "net.pt2", labels=space(4), threads=1, folder=tmp_path)
    source = Input("a", (24, 32), np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    expected = ExportedModel.load(options).predict([source])[0].logits
    other_device.operations.clear()
    there = replace(options, device=other_device.NAME, resize=(24, 32))
    for model in (ExportedModel.load(there), PythonModel.of(torch.export.load(tmp_path / "net.pt2"), there)):
        np.testing.assert_array_equal(np.asarray(model.predict([source])[0].logits), expected)
        assert other_device.operations["aten::conv2d"] > 0
