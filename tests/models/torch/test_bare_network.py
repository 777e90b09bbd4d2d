from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import ModelOptions
from reliseg.models.checkpoints.loading import LoadedWeights
from reliseg.models.torch.bare_network import bare_network, load_named_weights
from reliseg.models.torch.normalisation import Normalisation

BGR = Normalisation(mean=(10.0, 20.0, 30.0), std=(2.0, 2.0, 2.0), divisor=1.0, bgr=True)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 16, 3, stride=4, padding=1)
        self.head = nn.Conv2d(16, 11, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pixels).relu())


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net()


def options(**changes: Any) -> ModelOptions:
    given = {"name": "mine", "kind": "python", "where": "net", "labels": label_space("camvid"), "threads": 1}
    return ModelOptions(**(given | changes))


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)


def test_a_module_and_its_options_make_a_network_that_gives_native_logits_and_the_deepest_map(net):
    pixels = (torch.from_numpy(image().astype(np.float32))[..., [2, 1, 0]] - torch.tensor(BGR.mean)) / 2
    stack = pixels.permute(2, 0, 1)[None]
    bare = bare_network(net, options(), normalisation=BGR)
    [prediction] = bare.run([image()])
    with torch.inference_mode():
        np.testing.assert_allclose(np.asarray(prediction.logits), net(stack)[0].numpy(), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(prediction.feature, net.body(stack)[0].mean((1, 2)).numpy(), rtol=1e-5, atol=1e-4)
    assert prediction.size == (32, 48)
    assert bare.facts["feature"] == "body"
    assert bare.facts["parameters"] == sum(p.numel() for p in net.parameters())


def test_what_the_options_say_of_mean_and_deviation_counts_and_the_rest_stays(net):
    bare = bare_network(net, options(mean=(1.0, 2.0, 3.0)), normalisation=BGR)
    stated = {"mean": (1.0, 2.0, 3.0), "std": BGR.std, "divisor": 1.0, "bgr": True}
    assert bare.facts["normalisation"] == stated


def test_classes_that_a_checkpoint_has_at_another_place_are_refused(net):
    classes = label_space("camvid").classes
    with pytest.raises(ModelError, match=r"^model mine: its checkpoint has .building. as class 0"):
        bare_network(net, options(), LoadedWeights("", (classes[1], classes[0], *classes[2:])))
    bare = bare_network(net, options(), LoadedWeights("state_dict", ("firmament", *classes[1:])))
    assert bare.notes()[0].startswith("its checkpoint names classes otherwise")
    assert bare.facts["weights"] == "state_dict"


def test_weights_are_those_that_the_options_name(net, tmp_path: Path):
    assert load_named_weights(net, options()) is None
    torch.save({"ema": net.state_dict()}, tmp_path / "net.pth")
    other = Net()
    loaded = load_named_weights(other, options(weights=Path("net.pth"), folder=tmp_path))
    assert loaded is not None
    assert loaded.place == "ema"
    assert torch.equal(other.head.weight, net.head.weight)


def test_a_network_of_one_size_has_a_feature_too():
    class OneSize(Net):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            assert pixels.shape[-2:] == (40, 40)
            return super().forward(pixels)

    assert bare_network(OneSize(), options()).facts["feature"] is None
    assert bare_network(OneSize(), options(resize=(40, 40))).facts["feature"] == "body"


def test_orders_of_masks_are_refused_for_networks_that_give_logits():
    with pytest.raises(ModelError, match=r"^model mine: masks applies to networks that classify masks, of kind hf or"):
        bare_network(Net(), options(masks="input"))
