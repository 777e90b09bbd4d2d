"""The network of `lts` against its definition in float64, its gradients, and how it starts."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.calibration_samples import two_tone
from helpers.local_temperatures import CHANNELS, prediction_of, textbook, tree_of, whole_image_loss

torch = pytest.importorskip("torch")
lts_network = pytest.importorskip("reliseg.calibration.fitting.lts_network")


@pytest.fixture(scope="module")
def sample():
    return two_tone(0, 8)


@pytest.mark.parametrize("pixels", [1, 50, 1 << 17], ids=["rows", "some rows", "whole"])
@pytest.mark.parametrize("inputs", CHANNELS)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param({}, id="plain"),
        pytest.param({"align": True}, id="align"),
        pytest.param({"groups": (0, 1, 1, -1)}, id="joined, and other"),
        pytest.param({"groups": (2, 0, -1, -1)}, id="a column without members"),
        pytest.param({"native": (13, 22)}, id="x1"),
        pytest.param({"size": (3, 40)}, id="fewer rows than the network sees"),
        pytest.param({"size": (1, 7)}, id="one row"),
        pytest.param({"size": (9, 1)}, id="one column"),
        pytest.param({"native": (1, 1), "size": (2, 2)}, id="tiny"),
    ],
)
def test_blocks_give_what_the_definition_gives_for_whole_images(case, inputs, pixels):
    prediction = prediction_of(1, **case)
    columns = len(np.unique(prediction.view().groups))
    tree = tree_of(2, inputs, columns, spread=0.1)
    found = lts_network.pixel_factors(tree, prediction, pixels)
    assert found.dtype == np.float32
    # u is a sum of some hundred products of order one in float32
    np.testing.assert_allclose(found, textbook(tree, prediction), rtol=2e-5)


def test_one_thread_gives_the_bytes_of_two():
    prediction, tree = prediction_of(1, native=(9, 16), size=(144, 256)), tree_of(2, "both", 4)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(lts_network.pixel_factors(tree, prediction))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_no_block_is_larger_than_asked_for(monkeypatch):
    seen, rows = [], lts_network._PixelRows.rows
    monkeypatch.setattr(lts_network._PixelRows, "rows", lambda self, r: seen.append(r.stop - r.start) or rows(self, r))
    lts_network.pixel_factors(tree_of(0, "logits", 4), prediction_of(0, size=(40, 30)), 200)
    assert max(seen) == 200 // 30
    assert sum(seen) == 40


@pytest.mark.parametrize("inputs", CHANNELS)
def test_the_first_step_moves_every_leaf_and_gate(sample, inputs):
    g = np.random.default_rng(0)
    start = lts_network.Tree.random(CHANNELS[inputs], 4, 4.0, 1.7, g)
    network = lts_network._Network(start, torch.device("cpu"))
    parameters = network.parameters()
    optimiser = torch.optim.Adam(parameters, lr=1e-4)
    image_set = lts_network._ImageSet(sample.whole, torch.device("cpu"))
    for _ in range(2):
        optimiser.zero_grad()
        image_set.mean_loss(network, [0, 1, 2, 3], learn=True)
        for parameter in parameters:
            by_channel = parameter.grad.reshape(len(parameter), -1).abs().amax(dim=1)
            assert (by_channel > 1e-6).all(), by_channel
        optimiser.step()
    moved = network.tree()
    if inputs != "image":  # the leaves do not stay alike
        leaves = moved.logit_weights[:4].reshape(4, -1)
        assert all(np.abs(leaves[i] - leaves[j]).max() > 1e-3 for i in range(4) for j in range(i))


@pytest.mark.parametrize("inputs", CHANNELS)
def test_it_starts_near_the_one_temperature(inputs):
    start = lts_network.Tree.random(CHANNELS[inputs], 4, 3.0, 1.7, np.random.default_rng(0))
    factors = lts_network.pixel_factors(start, prediction_of(0, size=(40, 40)))
    np.testing.assert_allclose(factors, 1 / 1.7, rtol=0.15)
    assert factors.std() > 1e-4


@pytest.mark.parametrize("inputs", CHANNELS)
def test_weights_for_images_from_0_to_1_give_what_the_stored_tree_gives(inputs):
    """The convolution on image / 255 with the weights that are trained is that on [-1, 1] with those that are kept."""
    start, image = tree_of(4, inputs, 4, spread=0.1), torch.rand(3, 20, 30)
    network = lts_network._Network(start, torch.device("cpu"), 0)
    logits = torch.randn(4, 20, 30)
    kept = lts_network._Network(network.tree(), torch.device("cpu"))
    torch.testing.assert_close(network(logits, 2 * image - 1), kept(logits, 2 * image - 1))
    if inputs != "logits":
        weights, bias = (torch.tensor(a) for a in (start.image_weights, start.image_bias))
        by_definition = torch.nn.functional.conv2d(image[None], weights, bias, dilation=2)[0]
        stored = (torch.tensor(a) for a in (network.tree().image_weights, network.tree().image_bias))
        found = torch.nn.functional.conv2d(2 * image[None] - 1, *stored, dilation=2)[0]
        torch.testing.assert_close(found, by_definition)


def test_gradients_are_those_of_the_mean_loss(sample):
    """Against differences of the loss of whole images, in blocks of a few rows."""
    start = tree_of(3, "both", 4, spread=0.05)
    network = lts_network._Network(start, torch.device("cpu"))
    parameters = network.parameters()
    image_set = lts_network._ImageSet(sample.whole, torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lts_network, "_PIXELS", 100)
        image_set.mean_loss(network, [5, 7], learn=True)
    few = replace(sample, whole=[sample.whole[5], sample.whole[7]])
    for name, at, parameter in (("logit_bias", (6,), parameters[1]), ("image_weights", (0, 2, 1, 3), parameters[2])):

        def moved(step, name=name, at=at):
            weights = getattr(start, name).astype(np.float64).copy()
            weights[at] += step
            tree = replace(start, **{name: weights})
            return whole_image_loss(few, lambda p: replace(p, pixel_factors=textbook(tree, p)))

        slope = (moved(1e-4) - moved(-1e-4)) / 2e-4
        assert parameter.grad[at].item() == pytest.approx(slope, rel=1e-3)
