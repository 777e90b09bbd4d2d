"""The pooled feature of torch modules: where it is taken from, what it is, and that no hook stays."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import Input, ModelOptions
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD
from reliseg.models.kinds.python import PythonModel
from reliseg.models.torch.features import Tap, trial_call

CPU = torch.device("cpu")


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1)


def network() -> nn.Sequential:
    """Its smallest map with most channels is layer 3's: 7 at stride 8, as layer 4's 5 are and layer 2's are not."""
    torch.manual_seed(0)
    return nn.Sequential(
        conv(3, 4, 2), nn.ReLU(), conv(4, 9, 2), conv(9, 7, 2), conv(7, 5), nn.Upsample(scale_factor=4), conv(5, 11)
    )


def tap_of(module: nn.Module) -> Tap | None:
    return Tap.at_deepest_map(module, trial_call(module, CPU, (64, 128)))


def layer_of(module: nn.Module) -> str:
    tap = tap_of(module)
    assert tap is not None
    assert tap.module is module
    return tap.layer


def hooks(module: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


def options(**changes: Any) -> ModelOptions:
    return ModelOptions("mine", "python", "here", labels=label_space("camvid"), threads=1, **changes)


def images(count: int) -> list[Input]:
    g = np.random.default_rng(0)
    return [Input(f"a/{i}", (32, 48), g.integers(0, 256, (32, 48, 3), np.uint8)) for i in range(count)]


def pixels_of(inputs: list[Input]) -> Tensor:
    stack = np.stack([i.image for i in inputs if i.image is not None]).astype(np.float32) / 255
    normal = (stack - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    return torch.from_numpy(normal.transpose(0, 3, 1, 2).copy())


class Two(nn.Module):
    """Layers that are called in an order of their own; the last call gives the logits."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        self.order = list(layers)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = self.get_submodule(name)(x)
        return x


def test_the_smallest_map_with_most_channels_is_found() -> None:
    assert layer_of(network()) == "3"


def test_of_equal_maps_the_last_is_found() -> None:
    assert layer_of(nn.Sequential(conv(3, 6, 4), nn.ReLU(), conv(6, 6), nn.ReLU(), conv(6, 11))) == "3"


def test_a_small_map_counts_more_than_many_channels() -> None:
    assert layer_of(nn.Sequential(conv(3, 64), conv(64, 4, 2), nn.Upsample(scale_factor=2), conv(4, 11))) == "1"


def test_the_logits_do_not_count_though_they_have_most_channels() -> None:
    assert layer_of(nn.Sequential(conv(3, 4, 2), conv(4, 19))) == "0"


def test_nested_layers_are_found_by_their_full_names() -> None:
    module = Two(backbone=nn.Sequential(conv(3, 4, 2), nn.Sequential(conv(4, 8, 2), nn.ReLU())), head=conv(8, 11))
    assert layer_of(module) == "backbone.1.1"


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(nn.Sequential(conv(3, 11)), id="the logits alone"),
        pytest.param(conv(3, 11), id="a layer without layers"),
        pytest.param(nn.Sequential(nn.Flatten(2), nn.Identity()), id="no map"),
    ],
)
def test_a_module_without_other_maps_has_no_feature(module: nn.Module) -> None:
    assert tap_of(module) is None


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layer", [None, "0", "2", "4"])
def test_the_feature_is_the_mean_over_positions(layer: str | None, count: int) -> None:
    module = network()
    inputs = images(count)
    predictions = PythonModel.of(module, options(feature=layer)).predict(inputs)
    with torch.inference_mode():
        maps = module[: int(layer or 3) + 1](pixels_of(inputs)).numpy()
        logits = module(pixels_of(inputs)).numpy()
    for prediction, map_, own in zip(predictions, maps, logits, strict=True):
        expected = np.array([channel.sum(dtype=np.float64) / channel.size for channel in map_])
        assert prediction.feature is not None
        assert prediction.feature.dtype == np.float32
        np.testing.assert_allclose(prediction.feature, expected, atol=1e-6)
        np.testing.assert_allclose(prediction.logits, own, atol=1e-5)
    assert np.ptp([p.feature for p in predictions], axis=0).max() > 0 or count == 1


def test_the_provenance_names_the_layer() -> None:
    assert PythonModel.of(network(), options()).provenance()["feature"] == "3"
    assert PythonModel.of(network(), options(feature="4")).provenance()["feature"] == "4"
    assert PythonModel.of(conv(3, 11), options()).provenance()["feature"] is None


def test_a_module_without_features_predicts_all_the_same() -> None:
    [prediction] = PythonModel.of(conv(3, 11), options()).predict(images(1))
    assert prediction.feature is None
    assert prediction.logits.shape == (11, 32, 48)


def test_an_unknown_layer_suggests_the_near_one() -> None:
    module = Two(backbone=nn.Sequential(conv(3, 4), nn.ReLU()), head=conv(4, 11))
    with pytest.raises(ModelError, match=r"no layer 'backbone\.7' .*did you mean 'backbone\.[01]'\?") as caught:
        Tap.at_layer(module, "backbone.7")
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="no layer ''"):
        Tap.at_layer(module, "")
    with pytest.raises(ModelError, match="did you mean 'head'"):
        PythonModel.of(module, options(feature="heads"))


def test_the_near_layer_is_suggested_in_a_deep_network_too() -> None:
    deep = nn.Sequential(*(nn.ReLU() for _ in range(200)))
    module = Two(encoder=nn.Sequential(conv(3, 4)), decoder=deep, head=conv(4, 11))
    with pytest.raises(ModelError, match=r"did you mean 'encoder\.0'\?") as caught:
        Tap.at_layer(module, "encodr.0")
    assert len(str(caught.value)) < 600


def test_a_layer_is_pooled_as_it_is_called_last() -> None:
    shared = conv(3, 3)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = shared

        def forward(self, x: Tensor) -> Tensor:
            return self.shared(self.shared(x))

    x = torch.rand(2, 3, 8, 8)
    with torch.inference_mode():
        output, feature = Tap.at_layer(Twice(), "shared")(x)
        torch.testing.assert_close(feature, shared(shared(x)).mean(dim=(2, 3)))
        torch.testing.assert_close(output, shared(shared(x)))


def test_a_layer_without_a_map_gives_no_feature() -> None:
    module = nn.Sequential(conv(3, 4), nn.Flatten(2), nn.Identity())
    output, feature = Tap.at_layer(module, "2")(torch.rand(1, 3, 4, 4))
    assert feature is None
    assert output.shape == (1, 4, 16)


class Refusing(nn.Module):
    """Runs `inner`, then fails, as often as it is told."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.inner, self.head, self.failures = conv(3, 4, 2), conv(4, 11), failures

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(self.inner(x))
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("not this size")
        return y


def test_no_hook_stays() -> None:
    module = network()
    tap = tap_of(module)
    assert tap is not None
    assert hooks(module) == 0
    tap(torch.rand(1, 3, 32, 32))
    assert hooks(module) == 0
    PythonModel.of(module, options()).predict(images(2))
    assert hooks(module) == 0


def test_no_hook_stays_after_an_exception() -> None:
    module = Refusing(2)
    with pytest.raises(RuntimeError, match="not this size"):
        tap_of(module)
    assert hooks(module) == 0
    with pytest.raises(RuntimeError, match="not this size"):
        Tap.at_layer(module, "inner")(torch.rand(1, 3, 8, 8))
    assert hooks(module) == 0


def test_hooks_of_the_user_stay() -> None:
    module, calls = network(), []
    handle = module[3].register_forward_hook(lambda *_: calls.append(1))
    tap = tap_of(module)
    assert tap is not None
    tap(torch.rand(1, 3, 32, 32))
    assert len(calls) == 2
    assert hooks(module) == 1
    handle.remove()


def test_a_module_that_refuses_the_first_trial_has_its_feature_from_the_second() -> None:
    module = Refusing(1)
    model = PythonModel.of(module, options())
    assert model.provenance()["feature"] == "inner"
    [prediction] = model.predict(images(1))
    assert prediction.feature is not None
    assert prediction.feature.shape == (4,)
    assert hooks(module) == 0


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = Stages()
        self.head = conv(9, 11)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.backbone(pixels)[-1])


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = conv(3, 4, 2), conv(4, 9, 2)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        first = self.first(pixels)
        return first, self.second(first)


def test_of_a_layer_that_gives_several_maps_the_last_is_pooled() -> None:
    torch.manual_seed(0)
    module, pixels = Pyramid(), torch.rand(2, 3, 32, 48)
    _, feature = Tap.at_layer(module, "backbone")(pixels)
    assert feature is not None
    torch.testing.assert_close(feature, module.backbone(pixels)[1].mean(dim=(2, 3)))
