"""Networks of every semantic family: what transformers' own inference gives for a real frame is what we give."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import part_of_a_frame, save_network
from helpers.hugging_face_families import SEMANTIC
from PIL import Image
from torch.nn.functional import interpolate, pad
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError
from reliseg.models import Input, ModelOptions, Pad, Slide
from reliseg.models.hf.processor_defaults import CLASS_OF_FAMILY, DEFAULTS
from reliseg.models.kinds.hf import HuggingFaceModel

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 90, 120
STRIDES = {"mobilenet_v2": 8, "mobilevit": 32, "mobilevitv2": 32}
OWN_SIZE = {"data2vec-vision", "dpt", "dpt, hybrid"}
FEATURES = {"mobilenet_v2": 80, "mobilevit": 16, "mobilevitv2": 128, "upernet, swin": 64}
"""Numbers in the feature; 24 for the others."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Any, ModelOptions]]]:
    """Each network, and the folder that it was saved to with a processor that brings images to 64 x 64."""
    transformers_logging.disable_progress_bar()
    networks = {}
    for name, build in SEMANTIC.items():
        network = build()
        settings = {"image_processor_type": CLASS_OF_FAMILY[network.config.model_type], "do_center_crop": False}
        settings["size"] = {"height": 64, "width": 64}
        networks[name] = network.eval(), save_network(tmp_path_factory.mktemp("net"), network, settings)
    yield networks
    transformers_logging.enable_progress_bar()


@pytest.fixture(scope="module")
def frame(real_data: Path) -> np.ndarray:
    return part_of_a_frame(real_data, HEIGHT, WIDTH)


def library_pixels(folder: Path, frame: np.ndarray, **changes: Any) -> torch.Tensor:
    """Return what the library's own processor makes of a frame, or, where it needs torchvision, what its class says."""
    stored = transformers.models.auto.image_processing_auto.get_image_processor_config(folder)
    kind = stored["image_processor_type"]
    if hasattr(transformers, f"{kind}Pil"):
        own = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
        return torch.as_tensor(own(frame, return_tensors="pt", **changes)["pixel_values"])
    image = Image.fromarray(frame)
    pixels = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR)) if changes.get("do_resize", True) else frame
    defaults = DEFAULTS[kind]
    mean, std = (defaults.mean, defaults.std) if defaults.normalises else ((0.0,) * 3, (1.0,) * 3)
    scaled = torch.from_numpy(pixels.copy()) / 255
    return ((scaled - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1)[None].float()


def compare(prediction: Any, theirs: torch.Tensor) -> None:
    """Compare our logits, brought to the image, with the library's: 1e-4, and the argmax but for ties."""
    ours = interpolate(torch.from_numpy(np.asarray(prediction.logits))[None], prediction.size, mode="bilinear")[0]
    scale = max(1.0, float(theirs.abs().max()))
    torch.testing.assert_close(ours, theirs, atol=1e-4 * scale, rtol=1e-4)
    top = theirs.topk(2, dim=0).values
    clear = top[0] - top[1] > 2e-4 * scale
    assert clear.float().mean() > 0.9
    assert torch.equal(ours.argmax(0)[clear], theirs.argmax(0)[clear])


@pytest.mark.parametrize("name", sorted(set(SEMANTIC) - OWN_SIZE))
def test_an_image_of_any_size_keeps_it(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    model = HuggingFaceModel.load(options)
    [prediction] = model.predict([Input("day/0", (HEIGHT, WIDTH), frame)])
    with torch.no_grad():
        theirs = network(library_pixels(options.folder / "net", frame, do_resize=False)).logits
    compare(prediction, interpolate(theirs, (HEIGHT, WIDTH), mode="bilinear")[0])
    stride = STRIDES.get(name, 4)
    expected = [-(-edge // stride) for edge in (HEIGHT, WIDTH)]
    if name == "upernet, convnext":
        expected = [edge // 4 for edge in (HEIGHT, WIDTH)]
    if name in ("beit", "sapiens2"):
        expected = [edge // 16 * 4 for edge in (HEIGHT, WIDTH)]
    if name == "tipsv2_dpt":
        expected = [edge // 14 * 8 for edge in (HEIGHT, WIDTH)]
    assert list(prediction.logits.shape[1:]) == expected
    assert len(model.notes()) == (name in ("beit", "sapiens2", "tipsv2_dpt"))
    assert "takes" not in model.provenance()


@pytest.mark.parametrize("name", sorted(SEMANTIC))
def test_an_image_at_the_size_of_the_processor(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    resize = None if name in OWN_SIZE else "processor"
    model = HuggingFaceModel.load(replace(options, resize=resize))
    [prediction] = model.predict([Input("day/0", (HEIGHT, WIDTH), frame)])
    with torch.no_grad():
        theirs = network(library_pixels(options.folder / "net", frame)).logits
    compare(prediction, interpolate(theirs, (HEIGHT, WIDTH), mode="bilinear")[0])
    assert prediction.size == (HEIGHT, WIDTH)


@pytest.mark.parametrize("name", sorted(SEMANTIC))
def test_the_feature_is_the_mean_of_the_deepest_map_or_of_the_patches(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    square = np.ascontiguousarray(frame[:64, :64])
    [prediction] = HuggingFaceModel.load(options).predict([Input("day/0", (64, 64), square)])
    assert prediction.feature is not None
    assert prediction.feature.shape == (FEATURES.get(name, 24),)
    with torch.no_grad():
        pixels = library_pixels(options.folder / "net", square, do_resize=False)
        if name.startswith("upernet"):
            deepest = network.backbone(pixels).feature_maps[-1].flatten(2).transpose(1, 2)
        else:
            deepest = network(pixels, output_hidden_states=True).hidden_states[-1]
    if deepest.ndim == 4:
        deepest = deepest.flatten(2).transpose(1, 2)
    before = {"sapiens2": 4, "tipsv2_dpt": 2}.get(name, 1 if name in ("beit", *OWN_SIZE) else 0)
    patches = 16 if before else deepest.shape[1]
    assert deepest.shape[1] == patches + before
    torch.testing.assert_close(torch.from_numpy(prediction.feature), deepest[0, before:].mean(0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(OWN_SIZE))
def test_families_with_a_size_of_their_own_get_it_and_say_so(name: str, saved: Any, tmp_path: Path) -> None:
    _, options = saved[name]
    model = HuggingFaceModel.load(options)
    kind = "squares" if name == "dpt" else "own"
    assert model.provenance()["takes"] == kind
    assert model.provenance()["processor"]["size"] == (64, 64)
    [note] = model.notes()
    assert note.endswith("so images are brought to height 64, width 64, whatever their proportions")
    with pytest.raises(
        ModelError, match=r"images( of height 64, width 64)? alone, and resize is \[64, 96\]; leave resize out"
    ):
        HuggingFaceModel.load(replace(options, resize=(64, 96)))
    if name == "dpt":
        assert HuggingFaceModel.load(replace(options, resize=(96, 96))).provenance()["processor"]["size"] == (96, 96)


@pytest.mark.parametrize("size", [(360, 480), (375, 500), (65, 97)])
@pytest.mark.parametrize("name", sorted(SEMANTIC))
def test_any_odd_size_is_predicted(name: str, size: tuple[int, int], saved: Any) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    [prediction] = HuggingFaceModel.load(saved[name][1]).predict([Input("day/0", size, image)])
    assert prediction.size == size
    assert np.isfinite(np.asarray(prediction.logits)).all()


def test_windows_of_the_networks_own_size_need_no_resizing(saved: Any, frame: np.ndarray) -> None:
    """Each window is what the network takes; together they show the image at its own size."""
    network, options = saved["data2vec-vision"]
    wide = np.ascontiguousarray(frame[:64, :96])
    model = HuggingFaceModel.load(replace(options, slide=Slide((64, 64), (32, 32))))
    [prediction] = model.predict([Input("day/0", (64, 96), wide)])
    pixels = library_pixels(options.folder / "net", wide, do_resize=False)
    with torch.no_grad():
        windows = [interpolate(network(pixels[..., x : x + 64]).logits, (64, 64), mode="bilinear") for x in (0, 32)]
    mean = torch.zeros(1, 19, 64, 96)
    mean[..., :64] += windows[0]
    mean[..., 32:] += windows[1]
    mean[..., 32:64] /= 2
    compare(prediction, mean[0])
    assert model.notes() == []


@pytest.mark.parametrize(("name", "patch"), [("beit", 16), ("sapiens2", 16), ("tipsv2_dpt", 14)])
def test_with_padding_to_whole_patches_all_pixels_are_seen(
    name: str, patch: int, saved: Any, frame: np.ndarray
) -> None:
    network, options = saved[name]
    model = HuggingFaceModel.load(replace(options, pad=Pad(patch)))
    [prediction] = model.predict([Input("day/0", (HEIGHT, WIDTH), frame)])
    pixels = library_pixels(options.folder / "net", frame, do_resize=False)
    padded = pad(pixels, (0, -WIDTH % patch, 0, -HEIGHT % patch))
    with torch.no_grad():
        theirs = interpolate(network(padded).logits, padded.shape[2:], mode="bilinear")
    compare(prediction, theirs[0, :, :HEIGHT, :WIDTH])
    assert model.notes() == []


def test_a_layer_by_its_name_gives_the_feature(saved: Any, frame: np.ndarray) -> None:
    network, options = saved["segformer"]
    model = HuggingFaceModel.load(replace(options, feature="decode_head.linear_fuse"))
    [prediction] = model.predict([Input("day/0", (HEIGHT, WIDTH), frame)])
    maps = []
    handle = network.decode_head.linear_fuse.register_forward_hook(lambda *given: maps.append(given[2]))
    with torch.no_grad():
        network(library_pixels(options.folder / "net", frame, do_resize=False))
    handle.remove()
    torch.testing.assert_close(torch.from_numpy(prediction.feature), maps[0][0].mean((1, 2)), atol=1e-4, rtol=1e-4)
    assert model.provenance()["feature"] == "decode_head.linear_fuse"
    with pytest.raises(ModelError, match=r"no layer 'decode_head.linear_fus' to take the feature from; did you mean"):
        HuggingFaceModel.load(replace(options, feature="decode_head.linear_fus"))


def test_of_an_image_the_rows_and_columns_that_are_left_out_are_counted(saved: Any) -> None:
    model = HuggingFaceModel.load(saved["beit"][1])
    assert model.notes() == []
    model.predict([Input("day/0", (65, 96), np.zeros((65, 96, 3), np.uint8) + 7)])
    [note] = model.notes()
    assert "leaves out what is beyond the last one: 1 row of an image of height 65, width 96" in note
