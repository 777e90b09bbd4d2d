import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reliseg.demo import network  # noqa: E402
from reliseg.demo.world.scenes import draw  # noqa: E402


@pytest.fixture(scope="module")
def trained():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on busy machines two threads wait for each other
    yield network.load()
    torch.set_num_threads(threads)


def correct(trained, condition, seeds=range(2)):
    shares = []
    for seed in seeds:
        scene = draw(seed, condition)
        pixels = torch.from_numpy(scene.image.transpose(2, 0, 1).copy())[None].float() / 255
        with torch.inference_mode():
            logits = network.upsample(trained(network.normalise(pixels)), 4)[0]
        counted = scene.truth < 19
        shares.append((logits.argmax(0).numpy() == scene.truth)[counted].mean())
    return float(np.mean(shares))


def test_it_is_small(trained):
    assert sum(value.numel() for value in trained.parameters()) <= 700_000
    assert network.WEIGHTS.stat().st_size <= 3_000_000


@pytest.mark.parametrize("size", [(256, 512), (128, 160)])
def test_logits_of_19_classes_at_a_quarter_of_the_size(trained, size):
    with torch.inference_mode():
        logits = trained(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 19, size[0] // 4, size[1] // 4)
    assert logits.dtype == torch.float32


def test_loaded_weights_fit_exactly_and_the_mode_is_evaluation(trained):
    assert set(trained.state_dict()) == set(network.build().state_dict())
    assert not trained.training
    assert all(torch.isfinite(value).all() for value in trained.state_dict().values())


def test_weights_of_another_network_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"head.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(RuntimeError, match="size mismatch"):
        network.load(tmp_path / "other.safetensors")


@pytest.mark.slow
def test_clear_days_are_read_well_and_fog_and_night_worse(trained):
    clear, fog, night = (correct(trained, condition) for condition in ("clear", "fog", "night"))
    assert clear > 0.85
    assert fog < clear - 0.05
    assert night < clear - 0.05
