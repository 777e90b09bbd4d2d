"""Networks of torchvision through reliseg and through torchvision's own forward."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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

from reliseg.errors import MissingExtraError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import ModelOptions

CAMVID = label_space("camvid")
NAMES = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "fcn_resnet50")


def options(where: str = NAMES[1], **changes: Any) -> ModelOptions:
    given = {"name": "mine", "kind": "torchvision", "where": where, "labels": CAMVID, "threads": 1}
    return ModelOptions(**(given | changes))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., tuple[Any, ModelOptions]]:
    """A network that torchvision makes, with random weights, and the options that name its file."""

    def save(name: str = NAMES[1], **args: Any) -> tuple[Any, ModelOptions]:
        from torchvision import models

        given = {"num_classes": 11, "weights": None, "weights_backbone": None} | args
        module = settled(models.get_model(name, **given))
        torch.save(module.state_dict(), tmp_path / "net.pth")
        return module, options(name, weights=Path("net.pth"), folder=tmp_path)

    return save


def test_without_torchvision_the_command_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtraError, match=r"model mine needs torchvision: pip install 'reliseg\[torchvision\]'"):
        load(options())


def test_a_torchvision_that_does_not_fit_torch_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    assert refusal(options()).startswith(
        "model mine: torchvision cannot be imported (RuntimeError: operator torchvision::nms does not exist); "
    )


@pytest.mark.zoo
@pytest.mark.parametrize("name", NAMES)
def test_a_network_gives_what_torchvisions_own_forward_gives(name, saved, real_data):
    module, given = saved(name)
    image = frame(real_data, 144, 192)
    model = load(given)
    prediction = prediction_of(model, image)
    assert prediction.logits.shape[1] < 144
    assert prediction.align_corners is False
    with torch.inference_mode():
        expected = module(normalised(image))["out"][0].numpy()
    assert_same(at_full_size(prediction), expected)
    assert prediction.feature is not None
    assert prediction.feature.ndim == 1


@pytest.mark.zoo
def test_weights_with_an_auxiliary_head_load_without_a_word(saved, real_data):
    module, given = saved("deeplabv3_mobilenet_v3_large", aux_loss=True)
    model = load(given)
    image = frame(real_data, 72, 96)
    with torch.inference_mode():
        assert_same(at_full_size(prediction_of(model, image)), module(normalised(image))["out"][0].numpy())
    assert model.notes() == []
    built_with_it = load(replace(given, args={"aux_loss": True}))
    assert built_with_it.provenance()["parameters"] > model.provenance()["parameters"]


@pytest.mark.zoo
def test_provenance_names_library_architecture_and_the_hash_of_the_file(saved, tmp_path):
    import torchvision

    facts = load(saved()[1]).provenance()
    assert facts["library"] == f"torchvision {torchvision.__version__}"
    assert facts["architecture"] == "lraspp_mobilenet_v3_large"
    assert facts["output"] == "out"
    assert facts["normalisation"]["mean"] == (0.485, 0.456, 0.406)
    assert set(facts["files"]) == {(tmp_path / "net.pth").as_posix()}
    assert facts["feature"].startswith("backbone.")


@pytest.mark.zoo
def test_options_that_cannot_be_right_are_refused_in_one_line(saved, tmp_path):
    given = saved()[1]
    assert "did you mean 'deeplabv3_resnet50'" in refusal(options("deeplabv3_resnet5", weights=Path("net.pth")))
    assert refusal(replace(given, weights=None)) == (
        "model mine: give weights, a file of a state dict; for those of torchvision write args: {weights: NAME} "
        "(COCO_WITH_VOC_LABELS_V1)"
    )
    assert "leave num_classes out of args" in refusal(replace(given, args={"num_classes": 11}))
    assert "unknown argument 'aux_los'; did you mean 'aux_loss'?" in refusal(replace(given, args={"aux_los": True}))
    assert "lraspp_mobilenet_v3_large cannot be built with these args" in refusal(
        replace(given, args={"aux_loss": True})
    )
    assert "leave out one" in refusal(replace(given, args={"weights": "DEFAULT"}))
    assert "did you mean 'COCO" in refusal(replace(given, weights=None, args={"weights": "COCO_WITH_VOC_LABEL"}))
    assert "do not fit" in refusal(replace(given, labels=label_space("cityscapes")))
    assert "give labels" in refusal(replace(given, labels=None))


@pytest.mark.zoo
def test_a_folder_of_the_networks_name_changes_nothing(saved, tmp_path):
    given = saved()[1]
    assert load(replace(given, where=str(tmp_path / given.where))).provenance()["architecture"] == given.where


VOC = ("__background__", *[f"class-{i}" for i in range(1, 21)])


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.zoo
def test_weights_of_torchvision_are_downloaded_only_if_they_are_named(hub, monkeypatch, real_data):
    from torchvision import models
    from torchvision.models.segmentation import LRASPP_MobileNet_V3_Large_Weights as Weights

    stated = Weights.COCO_WITH_VOC_LABELS_V1
    module = settled(models.get_model(NAMES[1], num_classes=21, weights=None, weights_backbone=None))
    asked = []

    def download(url: str, place: str, hash_prefix: str, progress: bool) -> None:
        asked.append((url, hash_prefix))
        torch.save(module.state_dict(), place)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    classes = tuple(stated.meta["categories"])
    space = LabelSpace("voc", classes, tuple((i, i, i) for i in range(21)))
    given = options(labels=space, args={"weights": "COCO_WITH_VOC_LABELS_V1"})
    assert "damaged, as its checksum is not d234d4ea" in refusal(given)
    assert asked == [(stated.url, "d234d4ea")]
    monkeypatch.setattr(
        "reliseg.models.kinds.torchvision.hash_files", lambda paths: {p.as_posix(): "d234d4ea" for p in paths}
    )
    model = load(given)
    assert len(asked) == 1
    assert model.provenance()["args"] == {"weights": "COCO_WITH_VOC_LABELS_V1"}
    assert model.provenance()["resize"] == {"short": 520}
    image = frame(real_data, 71, 97)
    with torch.inference_mode():
        expected = module(stated.transforms()(Image.fromarray(image))[None])["out"][0].numpy()
    assert expected.shape == (21, 520, 710)
    assert_same(at_full_size(prediction_of(model, image)), brought_to(expected, (71, 97)))
    own_size = load(replace(given, resize="none"))
    with torch.inference_mode():
        assert_same(at_full_size(prediction_of(own_size, image)), module(normalised(image))["out"][0].numpy())
    swapped = LabelSpace("voc", (classes[1], classes[0], *classes[2:]), space.palette)
    assert "has '__background__' as class 0" in refusal(replace(given, labels=swapped))
    assert "set labels to a .toml file with the 21 classes" in refusal(replace(given, labels=None))
    assert "21 classes" in refusal(replace(given, labels=CAMVID))


@pytest.mark.zoo
def test_weights_that_cannot_be_downloaded_say_where_to_bring_them(hub, monkeypatch):
    def offline(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    space = LabelSpace("voc", VOC, tuple((i, i, i) for i in range(21)))
    text = refusal(options(labels=space, args={"weights": "DEFAULT"}))
    assert text.endswith(f"(OSError: no network); bring it to {hub / 'lraspp_mobilenet_v3_large-d234d4ea.pth'}")


@pytest.mark.zoo
def test_nothing_in_a_file_of_weights_runs(saved, tmp_path):
    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    module, given = saved()
    torch.save({"state_dict": module.state_dict(), "extra": Payload()}, tmp_path / "net.pth")
    assert load(given).provenance()["weights"] == "state_dict"
    assert not (tmp_path / "ran").exists()
