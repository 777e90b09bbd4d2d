"""Networks of segmentation_models_pytorch through reliseg and through the library's own forward."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.library_networks import (
    assert_same,
    at_full_size,
    brought_to,
    frame,
    load,
    normalised,
    prediction_of,
    refusal,
    settled,
)
from PIL import Image

from reliseg.errors import MissingExtraError, SampleError
from reliseg.labels import label_space
from reliseg.models import ModelOptions, Pad

CAMVID = label_space("camvid")
RESNET: dict[str, Any] = {"encoder_name": "resnet18"}
TINY_VIT: dict[str, Any] = {
    "encoder_name": "tu-vit_tiny_patch16_224",
    "decoder_intermediate_channels": [16, 32, 64, 64],
    "decoder_fusion_channels": 16,
    "dynamic_img_size": True,
}
NETWORKS = {
    **{
        name: (name, RESNET)
        for name in (
            *("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus"),
            *("PAN", "UPerNet", "Segformer"),
        )
    },
    "Segformer on mit_b0": ("Segformer", {"encoder_name": "mit_b0"}),
    "DPT": ("DPT", TINY_VIT),
}


def options(where: str = "Unet", **changes: Any) -> ModelOptions:
    given = {"name": "mine", "kind": "smp", "where": where, "labels": CAMVID, "threads": 1, "args": RESNET}
    return ModelOptions(**(given | changes))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., tuple[Any, ModelOptions]]:
    """A network that smp makes, with random weights, and the options that name its file."""

    def save(name: str = "Unet", **args: Any) -> tuple[Any, ModelOptions]:
        import segmentation_models_pytorch as smp

        module = smp.create_model(name, classes=11, encoder_weights=None, **(RESNET | args))
        settled(module, size=(128, 128) if name == "PAN" else (64, 96))
        torch.save(module.state_dict(), tmp_path / "net.pth")
        return module, options(name, weights=Path("net.pth"), folder=tmp_path, args=RESNET | args)

    return save


def output_of(module: Any, pixels: Any) -> np.ndarray:
    with torch.inference_mode():
        output = module(pixels)
    return (output[0] if isinstance(output, tuple) else output)[0].numpy()


def test_without_the_library_the_command_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    text = r"model mine needs segmentation_models_pytorch: pip install 'reliseg\[smp\]'"
    with pytest.raises(MissingExtraError, match=text):
        load(options())


def test_packages_that_do_not_fit_one_another_are_one_line(monkeypatch, tmp_path):
    (tmp_path / "segmentation_models_pytorch.py").write_text("raise RuntimeError('no operator')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == "segmentation_models_pytorch"]:
        monkeypatch.delitem(sys.modules, name)
    assert refusal(options()).startswith(
        "model mine: segmentation_models_pytorch cannot be imported (RuntimeError: no operator); "
    )


@pytest.mark.zoo
def test_each_architecture_of_the_library_is_tried():
    import segmentation_models_pytorch as smp

    known = {kind.__name__ for kind in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    assert {architecture for architecture, _ in NETWORKS.values()} == known


@pytest.mark.zoo
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_its_own_forward_gives(name, saved, real_data):
    architecture, args = NETWORKS[name]
    module, given = saved(architecture, **args)
    image = frame(real_data, 128, 192)
    prediction = prediction_of(load(replace(given, where=architecture.upper())), image)
    mean_and_std = () if architecture != "DPT" else ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert_same(at_full_size(prediction), output_of(module, normalised(image, *mean_and_std)))
    assert prediction.feature is not None


@pytest.mark.zoo
def test_a_folder_that_the_library_saved_needs_no_more(saved, tmp_path, real_data):
    module, given = saved("FPN", decoder_dropout=0.0, aux_params={"classes": 4})
    module.save_pretrained(tmp_path / "fpn")
    image = frame(real_data, 64, 96)
    model = load(replace(given, where="fpn", args={}, weights=None))
    assert_same(at_full_size(prediction_of(model, image)), output_of(module, normalised(image)))
    facts = model.provenance()
    assert {Path(path).name for path in facts["files"]} == {"config.json", "model.safetensors"}
    assert facts["architecture"] == "FPN"
    assert facts["args"]["decoder_dropout"] == 0.0
    assert facts["normalisation"] == {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)} | {
        "divisor": 255.0,
        "bgr": False,
    }


@pytest.mark.zoo
def test_a_head_that_classifies_images_is_not_needed(saved, real_data):
    module, given = saved("Unet", aux_params={"classes": 4})
    image = frame(real_data, 64, 96)
    assert_same(
        at_full_size(prediction_of(load(replace(given, args=RESNET)), image)), output_of(module, normalised(image))
    )


@pytest.mark.zoo
def test_a_folder_without_a_class_of_the_library_is_refused(tmp_path):
    for text, cause in (
        ("{}", "names no _model_class; give a folder that save_pretrained"),
        ('{"_model_class": "Model"}', "'Model' is neither an architecture of segmentation_models_pytorch"),
        ("{", "cannot be read"),
    ):
        (tmp_path / "config.json").write_text(text)
        assert cause in refusal(options(str(tmp_path), args={}))
    (tmp_path / "config.json").write_text(json.dumps({"_model_class": "Unet", "classes": 3}))
    assert "classes is 3 in its args, and must be 11, as labels has that many" in refusal(options(str(tmp_path)))


@pytest.mark.zoo
def test_channels_in_the_order_and_range_that_the_encoder_was_trained_with(saved, monkeypatch, real_data):
    from segmentation_models_pytorch import encoders

    module, given = saved()
    stated = {"input_space": "BGR", "input_range": [0, 255], "mean": [103.9, 116.8, 123.7], "std": [58.0, 57.0, 57.5]}
    asked = []
    monkeypatch.setattr(encoders, "get_preprocessing_params", lambda *names: asked.append(names) or stated)
    image = frame(real_data, 64, 96)
    model = load(replace(given, args=RESNET | {"encoder_weights": "caffe"}))
    assert asked == [("resnet18", "caffe")]
    prepared = encoders.preprocess_input(image.astype(np.float64), **stated)
    pixels = torch.from_numpy(prepared.astype(np.float32)).permute(2, 0, 1)[None]
    assert_same(at_full_size(prediction_of(model, image)), output_of(module, pixels))
    facts = model.provenance()["normalisation"]
    assert facts == {"mean": (103.9, 116.8, 123.7), "std": (58.0, 57.0, 57.5), "divisor": 1.0, "bgr": True}


@pytest.mark.zoo
def test_the_hub_is_not_asked_where_nobody_names_weights_of_the_encoder(monkeypatch, tmp_path):
    from segmentation_models_pytorch import encoders

    def ask(*names: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(encoders, "get_preprocessing_params", ask)
    given = options(weights=tmp_path / "net.pth", args={"encoder_name": "xception"})
    assert refusal(given) == (
        "model mine: how images are prepared for xception with weights imagenet is on the hub; set mean and std, or "
        "args: {encoder_weights: imagenet} to ask it"
    )
    asking = replace(given, args={"encoder_name": "xception", "encoder_weights": "imagenet"})
    assert "cannot be found (OSError: no network); set mean and std" in refusal(asking)
    assert "no such file" in refusal(replace(given, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    assert "no such file" in refusal(replace(given, args=RESNET | {"encoder_weights": "imagenet"}))


@pytest.mark.zoo
def test_sizes_that_the_network_does_not_take_are_refused_with_two_ways_out(saved, real_data):
    model = load(saved("FPN")[1])
    with pytest.raises(SampleError) as caught:
        prediction_of(model, frame(real_data, 90, 120))
    assert str(caught.value) == (
        "day/0: model mine takes images whose height and width are multiples of 32, and was given one of height 90, "
        "width 120; set pad: {to_multiple: 32}, or resize: [96, 128] (image: height 90, width 120)"
    )
    unet = load(saved("Unet")[1])  # which brings its maps to one another's sizes
    assert prediction_of(unet, frame(real_data, 90, 120)).logits.shape == (11, 90, 120)


@pytest.mark.zoo
def test_padded_or_resized_images_give_what_the_network_gives_for_these(saved, real_data):
    module, given = saved("FPN")
    image = frame(real_data, 90, 120)
    pixels = torch.nn.functional.pad(normalised(image), (0, 8, 0, 6))
    padded = load(replace(given, pad=Pad(32)))
    assert_same(at_full_size(prediction_of(padded, image)), output_of(module, pixels)[:, :90, :120])
    resized = load(replace(given, resize=(64, 96)))
    smaller = np.asarray(Image.fromarray(image).resize((96, 64), Image.Resampling.BILINEAR))
    expected = brought_to(output_of(module, normalised(smaller)), (90, 120))
    assert_same(at_full_size(prediction_of(resized, image)), expected)


@pytest.mark.zoo
def test_an_activation_gives_probabilities_or_is_left_out(saved, real_data):
    module, given = saved("Unet")
    softmax = replace(given, args=RESNET | {"activation": "softmax"})
    assert refusal(softmax).endswith("set args: {activation: null}, or say values: probabilities")
    for other in ("sigmoid", "tanh", "argmax", "logsoftmax"):
        text = refusal(replace(given, args=RESNET | {"activation": other}, values="probabilities"))
        assert f"its activation is {other}" in text
        assert text.endswith("set args: {activation: null}")
    image = frame(real_data, 64, 96)
    prediction = prediction_of(load(replace(softmax, values="probabilities")), image)
    expected = torch.from_numpy(output_of(module, normalised(image))).softmax(0)
    np.testing.assert_allclose(np.exp(prediction.logits), expected, atol=1e-5)


@pytest.mark.zoo
def test_an_encoder_of_timm_brings_its_own_preparation_and_asks_nobody(saved, real_data):
    module, given = saved("Unet", encoder_name="tu-mobilenetv3_small_050.lamb_in1k")
    image = frame(real_data, 64, 96)
    assert_same(at_full_size(prediction_of(load(given), image)), output_of(module, normalised(image)))
    for name, near in (("tu-mobilenetv3_smal_050", "mobilenetv3_small_050"), ("tu-hf-hub:someone/network", "tu-NAME")):
        assert near in refusal(replace(given, args={"encoder_name": name}))
    for key in ("checkpoint_path", "pretrained", "pretrained_cfg"):
        assert f"Unet has no argument {key!r}" in refusal(replace(given, args=dict(given.args) | {key: "net.pth"}))


@pytest.mark.zoo
def test_a_network_of_one_size_takes_images_that_are_brought_to_it(saved, tmp_path, real_data):
    import segmentation_models_pytorch as smp

    args = {key: value for key, value in TINY_VIT.items() if key != "dynamic_img_size"}
    module = settled(smp.DPT(encoder_weights=None, classes=11, **args), size=(224, 224))
    torch.save(module.state_dict(), tmp_path / "dpt.pth")
    given = options("DPT", weights=tmp_path / "dpt.pth", args=args)
    assert "Input height (512) doesn't match model (224)." in refusal(given)
    image = frame(real_data, 224, 224)
    prediction = prediction_of(load(replace(given, resize=(224, 224))), image)
    assert_same(np.asarray(prediction.logits), output_of(module, normalised(image, (0.5,) * 3, (0.5,) * 3)))
    assert prediction.feature is not None


@pytest.mark.zoo
def test_options_that_cannot_be_right_are_refused_in_one_line(saved):
    given = saved()[1]
    assert "did you mean 'FPN'" in refusal(replace(given, where="FPNN"))
    assert "did you mean resnet18" in refusal(replace(given, args={"encoder_name": "resnet-18"}))
    typo = refusal(replace(given, args=RESNET | {"decoder_channel": [8]}))
    assert "Unet has no argument 'decoder_channel'; did you mean 'decoder_channels'?" in typo
    assert "in_channels is 4 in its args, and must be 3, as images are RGB" in refusal(
        replace(given, args=RESNET | {"in_channels": 4})
    )
    assert "give weights, a file of a state dict" in refusal(replace(given, weights=None))
    assert "Unet cannot be built with these args" in refusal(replace(given, args=RESNET | {"encoder_depth": 9}))
    assert "do not fit" in refusal(replace(given, args={"encoder_name": "resnet34"}))
