"""What stands for a user's graph is asked what the model asks, and its answers are read as the model reads them."""

import numpy as np
import pytest
import torch
from helpers.exported import CAMVID, agreement_in_memory, noise, predictor_of
from helpers.library_networks import load
from helpers.onnx_graphs import write_graph

from reliseg.deploy.export.graph import WholeGraph
from reliseg.deploy.export.joined.ports import After, Before, Running, exchanging, ports_of, set_number
from reliseg.deploy.export.network import shown_images
from reliseg.models import FitWithin, ModelOptions
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.models.options import Augmented, Pad, Slide

ONE = (1, 3, 32, 40)
GRAPHS = {
    "planes": {},
    "channels last": {"shape": ("n", "h", "w", 3)},
    "all channels last": {"shape": ("n", "h", "w", 3), "ending": "channels last"},
    "float16": {"kind": "float16", "ending": "float16"},
    "pixels": {"kind": "uint8", "shape": ("n", "h", "w", 3)},
    "of one size": {"shape": ONE},
    "feature": {"outputs": ("body", "logits")},
    "weights beside it": {"beside": "net.bin"},
}
WAYS = {
    "as they are": {},
    "resized": {"resize": FitWithin(48, 40)},
    "padded": {"pad": Pad(32)},
    "windows": {"slide": Slide((32, 40), (20, 32))},
    "scales": {"tta": Augmented(flip=True, scales=(0.75, 1.0))},
    "normalised otherwise": {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3)},
}


def model(folder, options=None, name="net.onnx", **graph):
    write_graph(folder / name, **graph)
    return load(ModelOptions("net", "onnx", name, CAMVID, folder=folder, threads=1, **(options or {})))


def whole_of(predictor):
    return WholeGraph(shown_images(predictor.model, "net", None), predictor.head())


def agrees(predictor):
    images = [noise(52, 68, seed=1), noise(52, 68, seed=2)]
    found = agreement_in_memory(predictor, images)
    assert found.problem is None
    assert found.largest < 1e-5


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_graph_of_any_form_is_asked_as_the_model_asks_it(graph, tmp_path):
    agrees(predictor_of(model(tmp_path, **GRAPHS[graph])))


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_is_shown_images_as_the_model_shows_them(way, tmp_path):
    agrees(predictor_of(model(tmp_path, WAYS[way])))


def test_windows_of_a_graph_of_one_image_are_asked_one_by_one(tmp_path):
    predictor = predictor_of(model(tmp_path, {"slide": Slide((32, 40), (20, 32))}, shape=ONE))
    agrees(predictor)
    running, whole = Running(), whole_of(predictor)
    with exchanging(whole, running):
        whole(torch.tensor(noise(52, 68)[None]))
    assert [call.asked.shape for call in running.calls] == [torch.Size(ONE)] * 4


def test_probabilities_and_members_of_an_ensemble_are_read(tmp_path):
    options = {"values": "probabilities", "feature": "body"}
    one = model(tmp_path, options, ending="softmax", outputs=("body", "logits"))
    other = model(tmp_path, {"feature": "body"}, "other.onnx", outputs=("body", "logits"), shape=("n", "h", "w", 3))
    agrees(predictor_of(one))
    predictor = predictor_of(EnsembleModel.of({"a": one, "b": other}))
    agrees(predictor)
    image = noise(52, 68)
    shown = shown_images(predictor.model, "net", None)(torch.tensor(image[None]))
    np.testing.assert_allclose(shown.feature[0], predictor(image).feature, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"feature": "body"}, {"tta": Augmented(flip=True), "feature": "body"}])
def test_what_comes_before_and_after_is_the_whole(options, tmp_path):
    whole = whole_of(predictor_of(model(tmp_path, options, outputs=("body", "logits"))))
    image, running = torch.tensor(noise(52, 68)[None]), Running()
    with exchanging(whole, running):
        maps = whole(image)
    asked = Before(whole.shown)(image)
    assert all(torch.equal(call.asked, own) for call, own in zip(running.calls, asked, strict=True))
    again = After(whole)(image, [answer for call in running.calls for answer in call.answers])
    assert all(torch.equal(one, other) for one, other in zip(maps, again, strict=True))
    assert isinstance(ports_of(whole)[0].exchange, Running)


class Fixed(torch.nn.Module):
    """It fails for two images where its graph is not asked for one at a time."""

    def __init__(self, shown):
        super().__init__()
        self.shown = shown

    def forward(self, image):
        if len(image) > 1 and not ports_of(self)[0].alone:
            raise RuntimeError("a number is fixed inside")


def test_the_number_of_images_is_what_a_graph_says_and_does(tmp_path):
    image = torch.tensor(noise(52, 68)[None])
    free = whole_of(predictor_of(model(tmp_path)))
    assert set_number(free, image)
    assert not set_number(Fixed(free.shown), image)
    assert ports_of(free)[0].alone
    assert not set_number(whole_of(predictor_of(model(tmp_path, shape=(1, 3, "h", "w")))), image)


@pytest.mark.parametrize(
    ("shape", "ending", "of_maps", "of_feature"),
    [
        (("n", 3, "h", "w"), None, [0, 2, 3], [0, 2, 3]),
        (("n", "h", "w", 3), None, [0, 2, 3], [0, 1, 2]),
        (("n", "h", "w", 3), "channels last", [0, 1, 2], [0, 1, 2]),
    ],
)
def test_the_axes_that_may_have_any_length_are_those_of_places(shape, ending, of_maps, of_feature, tmp_path):
    opened = model(tmp_path, {"feature": "body"}, shape=shape, ending=ending, outputs=("body", "logits"))
    (port,) = ports_of(whole_of(predictor_of(opened)))
    running = Running()
    with exchanging(port, running):
        port(torch.zeros(1, 3, 32, 48))
    maps, feature = running.calls[0].answers
    assert list(port.axes_of("logits", maps)) == of_maps
    assert list(port.axes_of("body", feature)) == of_feature
    assert list(port.axes_of("body", feature[:, :, 0, 0])) == [0]
