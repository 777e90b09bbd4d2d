"""Networks of mmsegmentation as models: what the library's own inference gives, from checkpoints of both versions."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.mmseg_networks import (
    CLASSES,
    FAMILIES,
    options_of,
    own_logits,
    random_network,
    save_new,
    save_old,
    windows,
    write_configuration,
)
from PIL import Image

from reliseg.errors import MissingExtraError, ModelError, SampleError
from reliseg.kernels.reference import full_logits
from reliseg.labels import LabelSpace, label_space
from reliseg.models import MODELS, Input, ModelOptions
from reliseg.models.kinds.mmseg import MMSegmentationModel
from reliseg.models.options import Augmented, FitWithin, Pad, Slide
from reliseg.prediction import Prediction
from reliseg.testing import check_model

SEGFORMER = FAMILIES["segformer"]
TIE = 1e-3
"""Pixels whose two highest logits are nearer than this may have either class."""


@pytest.fixture(scope="session")
def frame(real_data: Path) -> np.ndarray:
    """A frame of a street: 360 x 480."""
    return np.asarray(Image.open(real_data / "camvid" / "test" / "0001TP_009090.png").convert("RGB"))


def saved(folder: Path, family: Any, *, old: bool = False, **pipeline: Any) -> Any:
    """Write configuration and checkpoint of a small network into the folder, and return the network."""
    network = random_network(write_configuration(folder, family, **pipeline))
    (save_old if old else save_new)(folder / "net.pth", network)
    return network


def predicted(options: ModelOptions, image: np.ndarray) -> Prediction:
    [prediction] = MMSegmentationModel.load(options).predict([Input("day/0", image.shape[:2], image)])
    return prediction


def logits_at_image(prediction: Prediction) -> np.ndarray:
    whole = full_logits(prediction.view(), prediction.columns)[: len(prediction.logits)]
    return whole.reshape(-1, *prediction.size)


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raise if logits differ by more than 1e-4, or classes where they are not tied."""
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.5
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-5)
    top = np.sort(theirs, axis=0)
    clear = top[-1] - top[-2] > TIE
    assert clear.mean() > 0.9
    assert (ours.argmax(0) == theirs.argmax(0))[clear].all()


def test_the_registry_knows_it_and_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mmcv", None)
    kind = MODELS.get("mmseg")
    assert kind is MMSegmentationModel
    assert "mmcv" in (kind.obstacle() or "")
    assert "pip install 'reliseg[mmseg]'" in (kind.obstacle() or "")


def test_without_its_packages_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mmseg", None)
    with pytest.raises((MissingExtraError, ModelError), match=r"^model net.* mmseg"):
        MMSegmentationModel.load(options_of(tmp_path))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"weights": None}, "a configuration holds no weights; set weights to its checkpoint"),
        ({"output": 0}, "output does not apply to mmseg models; leave it out"),
    ],
)
def test_options_that_make_no_model_are_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModelError, match=f"^model net: {problem}$"):
        MMSegmentationModel.load(options_of(tmp_path, **changes))


@pytest.mark.zoo
@pytest.mark.parametrize("family", FAMILIES)
def test_a_frame_is_predicted_as_by_the_library_whole_and_resized(
    tmp_path: Path, frame: np.ndarray, family: str
) -> None:
    """PIDNet takes multiples of 8 alone."""
    network = saved(tmp_path, FAMILIES[family], scale=(256, 192) if family == "pidnet" else (320, 160))
    prediction = predicted(options_of(tmp_path), frame)
    assert prediction.size == (360, 480)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))
    assert prediction.feature is not None


@pytest.mark.zoo
@pytest.mark.parametrize("family", ["segformer", "deeplabv3plus", "setr-pup", "upernet-convnext"])
def test_windows_are_those_of_the_library(tmp_path: Path, frame: np.ndarray, family: str) -> None:
    """The image, 160 x 213, is no multiple of the stride away from a window; deeplabv3plus aligns corners."""
    network = saved(tmp_path, replace(FAMILIES[family], test=windows(96, 64)), old=True)
    prediction = predicted(options_of(tmp_path), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_windows_of_769_in_an_image_of_2049_x_1025_align_corners_here_a_quarter_of_that(
    tmp_path: Path, frame: np.ndarray
) -> None:
    network = saved(tmp_path, replace(FAMILIES["deeplabv3plus"], test=windows(193, 129)), scale=(513, 257))
    wide = np.ascontiguousarray(frame[:240])
    prediction = predicted(options_of(tmp_path), wide)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, wide))


@pytest.mark.zoo
def test_an_image_smaller_than_a_window_is_one_window(tmp_path: Path, frame: np.ndarray) -> None:
    network = saved(tmp_path, replace(SEGFORMER, test=windows(512, 384)))
    prediction = predicted(options_of(tmp_path), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_an_image_smaller_than_a_window_on_one_side_alone_has_windows_along_the_other(
    tmp_path: Path, frame: np.ndarray
) -> None:
    network = saved(tmp_path, replace(SEGFORMER, test=windows(192, 96)))
    prediction = predicted(options_of(tmp_path), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
@pytest.mark.parametrize(("scale", "keep_ratio"), [(None, True), ((200, 128), False), ((960, 480), True)])
def test_images_reach_the_network_at_the_size_of_the_pipeline(
    tmp_path: Path, frame: np.ndarray, scale: Any, keep_ratio: bool
) -> None:
    network = saved(tmp_path, FAMILIES["upernet-resnet"], scale=scale, keep_ratio=keep_ratio)
    prediction = predicted(options_of(tmp_path), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_padding_and_channels_are_those_of_the_preprocessor(tmp_path: Path, frame: np.ndarray) -> None:
    preprocessor = {"mean": [100.0, 110.0, 120.0], "std": [50.0, 60.0, 70.0], "bgr_to_rgb": False}
    family = replace(SEGFORMER, model=SEGFORMER.model | {"data_preprocessor": preprocessor})
    text = write_configuration(tmp_path, family).read_text()
    (tmp_path / "config.py").write_text(text.replace("'bgr_to_rgb'", "'test_cfg': dict(size_divisor=32), 'bgr_to_rgb'"))
    network = random_network(tmp_path / "config.py")
    save_new(tmp_path / "net.pth", network)
    prediction = predicted(options_of(tmp_path), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_a_checkpoint_of_either_version_gives_the_same_prediction_and_its_classes(
    tmp_path: Path, frame: np.ndarray
) -> None:
    network = saved(tmp_path, FAMILIES["upernet-resnet"])
    save_old(tmp_path / "old.pth", network)
    new, old = (MMSegmentationModel.load(options_of(tmp_path, weights=Path(n))) for n in ("net.pth", "old.pth"))
    assert (new.labels, old.labels) == (label_space("cityscapes"),) * 2
    assert new.notes() == old.notes() == []
    first, second = (model.predict([Input("a/b", frame.shape[:2], frame)])[0] for model in (new, old))
    np.testing.assert_array_equal(logits_at_image(first), logits_at_image(second))
    assert first.feature is not None
    np.testing.assert_array_equal(first.feature, second.feature)


OLD_CONFIGURATION = """
norm = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
model = dict(
    type="EncoderDecoder",
    pretrained="open-mmlab://resnet18_v1c",
    backbone=dict(
        type="ResNetV1c", depth=18, base_channels=16, stem_channels=16, norm_cfg=dict(type="SyncBN", requires_grad=True)
    ),
    decode_head=dict(
        type="UPerHead",
        in_channels=[16, 32, 64, 128],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=32,
        num_classes=19,
        norm_cfg=dict(type="SyncBN", requires_grad=True),
        align_corners=False,
    ),
    test_cfg=dict(mode="slide", crop_size=(96, 96), stride=(64, 64)),
)
steps = [dict(type="Resize", keep_ratio=True), dict(type="RandomFlip"), dict(type="Normalize", **norm)]
steps += [dict(type="ImageToTensor", keys=["img"]), dict(type="Collect", keys=["img"])]
wrapped = dict(type="MultiScaleFlipAug", img_scale=(320, 160), flip=False, transforms=steps)
data = dict(test=dict(type="CityscapesDataset", pipeline=[dict(type="LoadImageFromFile"), wrapped]))
"""


@pytest.mark.zoo
def test_a_configuration_of_0_x_predicts_as_the_same_one_of_1_x(tmp_path: Path, frame: np.ndarray) -> None:
    network = saved(tmp_path, replace(FAMILIES["upernet-resnet"], test=windows(96, 64)), old=True)
    (tmp_path / "old.py").write_text(OLD_CONFIGURATION)
    prediction = predicted(options_of(tmp_path, where="old.py"), frame)
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_the_feature_is_the_backbones_last_map(tmp_path: Path, frame: np.ndarray) -> None:
    import torch

    network = saved(tmp_path, SEGFORMER, scale=None)
    part = np.ascontiguousarray(frame[:160, :224])
    prediction = predicted(options_of(tmp_path), part)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))
    with torch.inference_mode():
        maps = network.backbone((torch.from_numpy(part).permute(2, 0, 1)[None] - mean) / std)
    np.testing.assert_allclose(prediction.feature, maps[-1][0].mean((1, 2)), rtol=1e-4, atol=1e-5)
    other = predicted(options_of(tmp_path, feature="decode_head.fusion_conv"), part)
    assert other.feature is not None
    assert len(other.feature) == 32


@pytest.mark.zoo
def test_options_come_before_the_configuration(tmp_path: Path, frame: np.ndarray) -> None:
    saved(tmp_path, replace(SEGFORMER, test=windows(96, 64)))
    own = MMSegmentationModel.load(options_of(tmp_path)).provenance()
    assert own["resize"] == {"long": 320, "short": 160}
    assert own["slide"]["crop"] == (96, 96)
    assert own["slide"]["stride"] == (64, 64)
    assert (own["interpolation"], own["through_input"]) == ("opencv", True)
    assert own["normalisation"] == {
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
        "divisor": 1.0,
        "bgr": False,
    }
    changes = {
        "resize": FitWithin(long=64, short=64),
        "slide": Slide(crop=(32, 32), stride=(16, 16)),
        "pad": Pad(to_multiple=8),
        "interpolation": "pillow",
        "mean": (0.5, 0.5, 0.5),
        "align_corners": True,
    }
    given = MMSegmentationModel.load(options_of(tmp_path, **changes)).provenance()
    assert given["resize"] == {"long": 64, "short": 64}
    assert given["slide"]["crop"] == (32, 32)
    assert (given["pad"], given["align_corners"]) == (8, True)
    assert "interpolation" not in given
    assert given["normalisation"]["mean"] == (0.5, 0.5, 0.5)
    assert given["normalisation"]["std"] == pytest.approx((58.395 / 255, 57.12 / 255, 57.375 / 255))
    whole = MMSegmentationModel.load(options_of(tmp_path, resize="none", slide="none")).provenance()
    assert whole["resize"] is None
    assert "slide" not in whole


@pytest.mark.zoo
def test_args_change_the_configuration_by_dotted_names(tmp_path: Path, frame: np.ndarray) -> None:
    network = saved(tmp_path, replace(SEGFORMER, test=windows(96, 64)))
    facts = MMSegmentationModel.load(options_of(tmp_path)).provenance()
    changed = MMSegmentationModel.load(options_of(tmp_path, args={"model.test_cfg.mode": "whole"}))
    assert "slide" not in changed.provenance()
    assert changed.provenance()["configuration"]["sha256"] != facts["configuration"]["sha256"]
    network.test_cfg.mode = "whole"
    [prediction] = changed.predict([Input("a/b", frame.shape[:2], frame)])
    assert_same(logits_at_image(prediction), own_logits(tmp_path / "config.py", network, frame))


@pytest.mark.zoo
def test_a_shipped_configuration_is_named_by_its_file_and_is_none_of_the_models_files(tmp_path: Path) -> None:
    saved(tmp_path, replace(SEGFORMER, model={}))
    model = MMSegmentationModel.load(options_of(tmp_path, where=SEGFORMER.shipped))
    facts = model.provenance()
    assert facts["configuration"]["shipped"] is True
    assert [Path(file).name for file in facts["files"]] == ["net.pth"]
    assert facts["packages"]["onedl-mmsegmentation"] == "1.4.2"
    assert facts["resize"] == {"long": 2048, "short": 1024}
    assert facts["slide"]["crop"] == (1024, 1024)
    assert (facts["class"], facts["feature"], facts["weights"]) == ("EncoderDecoder", "backbone", "state_dict")


@pytest.mark.zoo
def test_what_a_base_says_is_part_of_what_a_model_is(tmp_path: Path) -> None:
    saved(tmp_path, SEGFORMER)
    (tmp_path / "base.py").write_text((tmp_path / "config.py").read_text())
    (tmp_path / "config.py").write_text("_base_ = 'base.py'\n")
    before = MMSegmentationModel.load(options_of(tmp_path)).fingerprint()
    assert MMSegmentationModel.load(options_of(tmp_path)).fingerprint() == before
    text = (tmp_path / "base.py").read_text()
    (tmp_path / "base.py").write_text(text.replace("(320, 160)", "(640, 320)"))
    assert MMSegmentationModel.load(options_of(tmp_path)).fingerprint() != before


@pytest.mark.zoo
def test_it_obeys_the_laws_of_models(tmp_path: Path) -> None:
    saved(tmp_path, SEGFORMER)
    check_model(MMSegmentationModel.load(options_of(tmp_path)))


@pytest.mark.zoo
def test_a_head_that_draws_numbers_gives_the_same_again(tmp_path: Path, frame: np.ndarray) -> None:
    saved(tmp_path, FAMILIES["segnext"])
    model = MMSegmentationModel.load(options_of(tmp_path))
    first, second = (model.predict([Input("a/b", frame.shape[:2], frame)])[0] for _ in range(2))
    np.testing.assert_array_equal(logits_at_image(first), logits_at_image(second))


@pytest.mark.zoo
def test_passes_with_dropout_and_mirror_images_are_averaged_over_windows(tmp_path: Path, frame: np.ndarray) -> None:
    saved(tmp_path, replace(SEGFORMER, test=windows(96, 64)))
    model = MMSegmentationModel.load(options_of(tmp_path, mc_dropout=2, tta=Augmented(flip=True)))
    [prediction] = model.predict([Input("a/b", frame.shape[:2], frame)])
    assert model.gives_probabilities
    information = prediction.score_maps["neg_mutual_information"](slice(0, 360))
    assert information.shape == (360, 480)
    assert (information <= 1e-6).all()
    assert information.min() < -1e-3


@pytest.mark.zoo
def test_classes_come_from_the_checkpoint_or_from_labels(tmp_path: Path) -> None:
    network = saved(tmp_path, SEGFORMER)
    own = tuple(f"thing {c}" for c in "abcdefghijklmnopqrs")
    save_new(tmp_path / "net.pth", network, own)
    with pytest.raises(ModelError, match="the 19 classes of its checkpoint are those of no label space; set labels"):
        MMSegmentationModel.load(options_of(tmp_path))
    labels = LabelSpace("mine", own, ((0, 0, 0),) * 19)
    assert MMSegmentationModel.load(options_of(tmp_path, labels=labels)).labels is labels
    save_new(tmp_path / "net.pth", network, ())
    with pytest.raises(ModelError, match="its checkpoint names no classes; set labels"):
        MMSegmentationModel.load(options_of(tmp_path))
    save_new(tmp_path / "net.pth", network, CLASSES[::-1])
    with pytest.raises(ModelError, match="its checkpoint has 'bicycle' as class 0"):
        MMSegmentationModel.load(options_of(tmp_path, labels=label_space("cityscapes")))
    with pytest.raises(ModelError, match="gives 19 classes, label space camvid has 11"):
        MMSegmentationModel.load(options_of(tmp_path, labels=label_space("camvid")))


@pytest.mark.zoo
def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path, FAMILIES["pidnet"])
    write_configuration(tmp_path, SEGFORMER)
    with pytest.raises(ModelError, match=r"net\.pth.* do not fit"):
        MMSegmentationModel.load(options_of(tmp_path))


@pytest.mark.zoo
def test_what_the_configuration_sets_and_cannot_be_done_is_asked_for(tmp_path: Path) -> None:
    saved(tmp_path, SEGFORMER)
    text = (tmp_path / "config.py").read_text()
    (tmp_path / "config.py").write_text(text.replace("'scale': (320, 160)", "'scale_factor': 0.5"))
    with pytest.raises(
        ModelError, match=r"^model net: its configuration resizes images by scale_factor, .*; set resize$"
    ):
        MMSegmentationModel.load(options_of(tmp_path))
    model = MMSegmentationModel.load(options_of(tmp_path, resize=(64, 96)))
    assert model.provenance()["resize"] == (64, 96)


@pytest.mark.zoo
def test_an_image_that_the_network_cannot_take_is_named_with_the_way_out(tmp_path: Path) -> None:
    saved(tmp_path, FAMILIES["pidnet"], scale=None)
    model = MMSegmentationModel.load(options_of(tmp_path))
    with pytest.raises(SampleError, match=r"^a/b: model net raised RuntimeError: .* it works, so set resize: "):
        model.predict([Input("a/b", (61, 77), np.zeros((61, 77, 3), np.uint8))])
