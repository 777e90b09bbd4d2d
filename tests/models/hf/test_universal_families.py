"""Networks of mask classification: class maps of a real frame are those of the library, in each of the orders."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import part_of_a_frame, save_network
from helpers.hugging_face_families import UNIVERSAL
from helpers.hugging_face_tokens import save_tokenizer
from PIL import Image
from torch.nn.functional import interpolate, pad
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError
from reliseg.models import Input, ModelOptions, Pad
from reliseg.models.hf.processor_defaults import CLASS_OF_FAMILY
from reliseg.models.kinds.hf import HuggingFaceModel
from reliseg.prediction import Prediction
from reliseg.testing import check_model

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 90, 120
FORMERS = ["mask2former", "maskformer", "oneformer"]
WINDOWED = ["eomt", "eomt_dinov3"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Any, ModelOptions]]]:
    """Each network, and the folder that it was saved to, with its processor; OneFormer has a tokenizer too."""
    transformers_logging.disable_progress_bar()
    networks = {}
    for name, build in UNIVERSAL.items():
        network = build()
        settings: dict[str, Any] = {"image_processor_type": CLASS_OF_FAMILY[name]}
        settings["size"] = {"shortest_edge": 64, "longest_edge": 128 if name in FORMERS else None}
        options = save_network(tmp_path_factory.mktemp("net"), network, settings)
        save_tokenizer(options.folder / "net")
        networks[name] = network.eval(), options
    yield networks
    transformers_logging.enable_progress_bar()


@pytest.fixture(scope="module")
def frame(real_data: Path) -> np.ndarray:
    return part_of_a_frame(real_data, HEIGHT, WIDTH)


def normalised(frame: np.ndarray) -> torch.Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((torch.from_numpy(frame.copy()) / 255 - mean) / std).permute(2, 0, 1)[None]


def output_of(network: Any, pixels: torch.Tensor, folder: Path) -> Any:
    """Return the output of transformers' own network, OneFormer's with the tokens of its own processor."""
    task = {}
    if network.config.model_type == "oneformer":
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "net")
        own = transformers.OneFormerProcessor(transformers.OneFormerImageProcessorPil(), tokenizer)
        task["task_inputs"] = own._preprocess_text(["the task is semantic"], max_length=77)
    with torch.no_grad():
        return network(pixel_values=pixels, **task)


def predicted(options: ModelOptions, frame: np.ndarray, **changes: Any) -> tuple[Prediction, HuggingFaceModel]:
    model = HuggingFaceModel.load(replace(options, **changes))
    height, width = frame.shape[:2]
    [prediction] = model.predict([Input("day/0", (height, width), frame)])
    assert prediction.size == (height, width)
    assert prediction.logits.shape == (19, height, width)
    assert prediction.is_of_probabilities
    return prediction, model


def compare(prediction: Prediction, maps: torch.Tensor) -> None:
    """Compare with class maps of the library: p to 1e-4, their logarithms too, the argmax but for ties."""
    logs = torch.from_numpy(np.asarray(prediction.logits)).double()
    expected = maps.double() / maps.double().sum(0)
    torch.testing.assert_close(logs.softmax(0), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logs, maps.double().log(), atol=1e-4, rtol=1e-4)
    top = expected.topk(2, dim=0).values
    clear = top[0] - top[1] > 2e-4
    assert clear.float().mean() > 0.5
    assert torch.equal(logs.argmax(0)[clear], expected.argmax(0)[clear])


def class_sum(output: Any, masks: torch.Tensor) -> torch.Tensor:
    """Return sum over queries of the class's probability, no object apart, and that of the mask."""
    return torch.einsum("bqc,bqhw->bchw", output.class_queries_logits.softmax(-1)[..., :-1], masks.sigmoid())


@pytest.mark.parametrize("name", FORMERS)
def test_masks_are_brought_to_the_padded_input_by_default(name: str, saved: Any, frame: np.ndarray) -> None:
    """As the original implementations do: input padded to multiples of 32, sigmoid there, class maps cropped."""
    network, options = saved[name]
    prediction, model = predicted(options, frame)
    output = output_of(network, pad(normalised(frame), (0, -WIDTH % 32, 0, -HEIGHT % 32)), options.folder)
    masks = interpolate(output.masks_queries_logits, (96, 128), mode="bilinear", align_corners=False)
    compare(prediction, class_sum(output, masks)[0, :, :HEIGHT, :WIDTH])
    facts = model.provenance()
    assert (facts["masks"], facts["pad"]) == ("input", 32)
    assert model.gives_probabilities
    assert model.notes() == []


@pytest.mark.parametrize("name", FORMERS)
def test_class_maps_are_resized_after_the_sum_and_masks_before_it(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    small = np.asarray(Image.fromarray(frame).resize((100, 75), Image.Resampling.BILINEAR))
    output = output_of(network, pad(normalised(small), (0, 28, 0, 21)), options.folder)
    masks = interpolate(output.masks_queries_logits, (96, 128), mode="bilinear")[:, :, :75, :100]
    after = interpolate(class_sum(output, masks), (HEIGHT, WIDTH), mode="bilinear")[0]
    before = class_sum(output, interpolate(masks, (HEIGHT, WIDTH), mode="bilinear"))[0]
    compare(predicted(options, frame, resize=(75, 100))[0], after)
    compare(predicted(options, frame, resize=(75, 100), masks="image")[0], before)


@pytest.mark.parametrize("name", FORMERS)
def test_the_librarys_own_post_processing_is_an_order_too(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    processor = transformers.AutoImageProcessor.from_pretrained(options.folder / "net", backend="pil")
    given = {"task_inputs": ["semantic"]} if name == "oneformer" else {}
    pixels = torch.as_tensor(processor(frame, return_tensors="pt", **given)["pixel_values"])
    output = output_of(network, pixels, options.folder)
    [theirs] = processor.post_process_semantic_segmentation(
        output, target_sizes=[(HEIGHT, WIDTH)], return_segmentation_scores=True
    )
    order = "384" if name == "mask2former" else "native"
    changes: dict[str, Any] = {"masks": order, "resize": "processor", "pad": Pad(1)}
    prediction, model = predicted(options, frame, **changes)
    compare(prediction, theirs.segmentation_scores)
    assert "pad" not in model.provenance()


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("name", WINDOWED)
def test_windows_along_the_longer_side_are_averaged(name: str, upright: bool, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    image = np.ascontiguousarray(frame.transpose(1, 0, 2)[:, :70] if upright else frame)
    processor = transformers.AutoImageProcessor.from_pretrained(options.folder / "net", backend="pil")
    inputs = processor(image, return_tensors="pt", do_split_image=True)
    with torch.no_grad():
        output = network(torch.as_tensor(inputs["pixel_values"]), patch_offsets=inputs["patch_offsets"])
    [theirs] = processor.post_process_semantic_segmentation(
        output, target_sizes=[image.shape[:2]], return_segmentation_scores=True
    )
    assert len(inputs["pixel_values"]) == 2
    prediction, model = predicted(options, image)
    compare(prediction, theirs.segmentation_scores)
    [note] = model.notes()
    assert note.startswith("takes windows of height 64, width 64: the shorter side of images is brought to 64")
    assert model.provenance()["masks"] == "window"


@pytest.mark.parametrize("name", WINDOWED)
def test_without_windows_the_whole_image_is_brought_to_the_networks_size(
    name: str, saved: Any, frame: np.ndarray
) -> None:
    network, options = saved[name]
    prediction, model = predicted(options, frame, masks="input")
    square = np.asarray(Image.fromarray(frame).resize((64, 64), Image.Resampling.BILINEAR))
    output = output_of(network, normalised(square), options.folder)
    masks = interpolate(output.masks_queries_logits, (64, 64), mode="bilinear")
    compare(prediction, interpolate(class_sum(output, masks), (HEIGHT, WIDTH), mode="bilinear")[0])
    assert model.notes()[0].startswith("takes images of height 64, width 64 alone")


@pytest.mark.parametrize("name", sorted(UNIVERSAL))
def test_the_feature_is_the_mean_of_the_backbones_deepest_map(name: str, saved: Any, frame: np.ndarray) -> None:
    network, options = saved[name]
    square = np.ascontiguousarray(frame[:64, :64])
    prediction, _ = predicted(options, square)
    pixels = normalised(square)
    with torch.no_grad():
        if name in WINDOWED:
            expected = network(pixels).last_hidden_state[0, 6 + 1 + 2 :]
            assert len(expected) == 16
            expected = expected.mean(0)
        else:
            task = {"task_inputs": torch.ones(1, 77)} if name == "oneformer" else {}
            maps = network(pixel_values=pixels, output_hidden_states=True, **task).encoder_hidden_states
            expected = maps[-1][0].mean((1, 2))
    torch.testing.assert_close(torch.from_numpy(prediction.feature), expected, atol=1e-4, rtol=1e-4)
    assert len(expected) == (24 if name in WINDOWED else 64)


@pytest.mark.parametrize("size", [(360, 480), (375, 500), (65, 97)])
@pytest.mark.parametrize("name", sorted(UNIVERSAL))
def test_any_odd_size_is_predicted(name: str, size: tuple[int, int], saved: Any) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    prediction, _ = predicted(saved[name][1], image)
    assert np.isfinite(np.asarray(prediction.logits)).all()


def test_several_images_together_are_predicted_as_each_alone(saved: Any, frame: np.ndarray) -> None:
    for name in ("mask2former", "eomt"):
        model = HuggingFaceModel.load(saved[name][1])
        images = [frame, 255 - frame]
        together = model.predict([Input(f"day/{i}", (HEIGHT, WIDTH), im) for i, im in enumerate(images)])
        for image, prediction in zip(images, together, strict=True):
            [alone] = model.predict([Input("day/0", (HEIGHT, WIDTH), image)])
            np.testing.assert_allclose(np.asarray(prediction.logits), np.asarray(alone.logits), atol=1e-4)


@pytest.mark.parametrize("name", ["eomt", "mask2former", "oneformer"])
def test_they_obey_the_laws_of_models(name: str, saved: Any) -> None:
    check_model(HuggingFaceModel.load(saved[name][1]))


def test_a_oneformer_that_was_saved_while_it_was_trained_is_evaluated(saved: Any, tmp_path: Path) -> None:
    """It would ask for texts, and drop values at random."""
    options = saved["oneformer"][1]
    shutil.copytree(options.folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "net" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_training": True}))
    image = np.full((64, 96, 3), 77, np.uint8)
    [first], [second] = (
        HuggingFaceModel.load(replace(options, folder=folder)).predict([Input("day/0", (64, 96), image)])
        for folder in (options.folder, tmp_path)
    )
    np.testing.assert_array_equal(np.asarray(first.logits), np.asarray(second.logits))


def test_scores_of_masks_come_with_the_prediction(saved: Any, frame: np.ndarray) -> None:
    for name in ("mask2former", "eomt"):
        prediction, model = predicted(saved[name][1], frame)
        assert set(prediction.score_maps) == set(model.gives_scores) == {"rba", "no_object"}
        for rows in prediction.score_maps.values():
            assert rows(slice(0, HEIGHT)).shape == (HEIGHT, WIDTH)


def test_a_oneformer_without_a_tokenizer_is_refused(saved: Any, tmp_path: Path) -> None:
    options = saved["oneformer"][1]
    for file in ("config.json", "model.safetensors", "preprocessor_config.json"):
        (tmp_path / "net").mkdir(exist_ok=True)
        os.link(options.folder / "net" / file, tmp_path / "net" / file)
    with pytest.raises(ModelError, match=r"OneFormer is told its task in tokens, .* put its tokenizer.json"):
        HuggingFaceModel.load(replace(options, folder=tmp_path))


def test_the_task_and_its_vocabulary_are_in_the_provenance(saved: Any) -> None:
    facts = HuggingFaceModel.load(saved["oneformer"][1]).provenance()
    assert facts["task"] == "semantic"
    assert {Path(file).name for file in facts["files"]} >= {"vocab.json", "merges.txt", "tokenizer_config.json"}


def test_a_shorter_side_that_no_window_has_is_refused(saved: Any, frame: np.ndarray) -> None:
    with pytest.raises(ModelError, match="the shorter side of images must be 64; leave resize out"):
        predicted(saved["eomt"][1], frame, resize=(96, 128))
    predicted(saved["eomt"][1], frame, resize=(64, 100))
