"""Training: which scenes each step sees, that crops and masks stay together, and that it is repeatable."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reliseg.demo import network  # noqa: E402
from reliseg.demo import train as training  # noqa: E402
from reliseg.demo.train import CROP, balance, batches, random_crops, scenes, train  # noqa: E402
from reliseg.labels import VOID  # noqa: E402


@pytest.fixture
def two_scenes(monkeypatch):
    """Two noisy scenes of two classes in the place of drawn ones, on one thread."""
    g = np.random.default_rng(0)
    truths = torch.from_numpy(g.integers(0, 2, (2, 192, 352), np.uint8))
    images = truths[:, None].expand(-1, 3, -1, -1) * 100 + 50
    monkeypatch.setattr(training, "scenes", lambda count: (images, truths))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield images, truths
    torch.set_num_threads(threads)


def test_every_scene_comes_once_in_a_round():
    order = batches(10, steps=8, size=5, seed=3)
    assert order.shape == (8, 5)
    for first in range(0, 8, 2):
        assert sorted(order[first : first + 2].ravel()) == list(range(10))
    np.testing.assert_array_equal(order, batches(10, steps=8, size=5, seed=3))
    assert (order != batches(10, steps=8, size=5, seed=4)).any()


def test_crops_of_image_and_mask_are_of_one_place(two_scenes):
    images, truths = two_scenes
    pictures, labels = random_crops(images, truths, np.array([0, 1, 1, 0]), np.random.default_rng(0))
    assert pictures.shape == (4, 3, *CROP)
    assert labels.shape == (4, *CROP)
    bright = pictures[:, 0] > pictures[:, 0].mean()
    assert torch.equal(bright, labels == 1)
    assert not torch.equal(labels[1], labels[2])


def test_rare_classes_weigh_more_and_pixels_weigh_1_on_average():
    truths = torch.tensor([[[0] * 6 + [1] * 3 + [2] + [VOID] * 2]], dtype=torch.uint8)
    weights = balance(truths).numpy()
    assert weights[0] < weights[1] < weights[2]
    assert (weights[:3] * [0.6, 0.3, 0.1]).sum() == pytest.approx(1, abs=1e-6)
    assert weights[2] / weights[0] == pytest.approx(6**0.25)


def test_unknown_and_void_pixels_are_ignored(monkeypatch):
    class Serial:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> "Serial":
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, function, items, chunksize):
            return map(function, items)

    truth = np.array([[0, 18], [254, 255]], np.uint8)
    monkeypatch.setattr(training, "ProcessPoolExecutor", Serial)
    monkeypatch.setattr(training, "_draw_pair", lambda seed: (np.full((2, 2, 3), seed % 100, np.uint8), truth))
    images, truths = scenes(3)
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert truths[2].tolist() == [[0, 18], [VOID, VOID]]


def test_training_is_repeatable_and_changes_the_network(two_scenes, capsys):
    first, second = (train(steps=2, count=2, size=1, seed=0) for _ in range(2))
    for (name, value), again in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(value, again), name
        assert torch.isfinite(value.float()).all(), name
    torch.manual_seed(0)
    assert not torch.equal(first.head.weight, network.build().head.weight)
    assert "step 2/2" in capsys.readouterr().out
