"""Checkpoints of detectron2, from the file to probabilities of pixels."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import detectron2_forward as reference
from helpers.detectron2_networks import (
    detectron2_tensors,
    mask2former,
    maskformer,
    save_pickle,
    small_resnet,
    small_swin,
)
from PIL import Image as Pillow
from torch.nn import functional

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import FitWithin, Input, ModelOptions, Pad
from reliseg.models.inference.resizing import target_size
from reliseg.models.kinds.detectron2 import Detectron2Model
from reliseg.testing import check_model

CITYSCAPES = label_space("cityscapes")
CASES = {
    "mask2former": (lambda **k: mask2former(small_swin(), **k), reference.swin, reference.mask2former),
    "maskformer": (lambda **k: maskformer(small_resnet(), **k), reference.resnet, reference.maskformer),
}
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """The name of a network, and the folder with its checkpoint."""
    folder = tmp_path_factory.mktemp(request.param)
    make, *_ = CASES[request.param]
    save_pickle(folder / "model_final.pkl", detectron2_tensors(make(classes=19)))
    return request.param, folder


def options(folder, **changes):
    given = {"labels": CITYSCAPES, "resize": FitWithin(long=150, short=70), "threads": 1} | changes
    return ModelOptions(name="net", kind="detectron2", where="model_final.pkl", folder=folder, **given)


def image(height=50, width=90):
    """An image of smooth colors: its size matters."""
    small = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    return np.asarray(Pillow.fromarray(small).resize((width, height), Pillow.Resampling.BICUBIC))


def probabilities(model, picture):
    (prediction,) = model.predict([Input("a", picture.shape[:2], picture)])
    maps = np.asarray(prediction.logits.brought_to(prediction.size), np.float64)
    e = np.exp(maps - maps.max(axis=0))
    return e / e.sum(axis=0)


def by_definition(folder, name, picture, *, order="input", short=70, long=150):
    """Return what detectron2 computes, with the classes of a pixel made to sum to 1."""
    content = pickle.loads((folder / "model_final.pkl").read_bytes())
    tensors = {key: torch.from_numpy(array) for key, array in content["model"].items()}
    height, width = picture.shape[:2]
    scale = min(short / min(height, width), long / max(height, width))
    size = int(height * scale + 0.5), int(width * scale + 0.5)
    resized = np.asarray(Pillow.fromarray(picture).resize(size[::-1], Pillow.Resampling.BILINEAR))
    pixels = (torch.from_numpy(resized.astype(np.float32)) - torch.tensor(MEAN)) / torch.tensor(STD)
    pixels = functional.pad(pixels.permute(2, 0, 1)[None], (0, -size[1] % 32, 0, -size[0] % 32))
    _, backbone, head = CASES[name]
    with torch.inference_mode():
        classes, masks = head(tensors, backbone(tensors, pixels), 4 if name == "mask2former" else 8)

        def resample(maps, to):
            return functional.interpolate(maps, size=to, mode="bilinear", align_corners=False)

        p, masks = classes.softmax(-1)[..., :-1], resample(masks, pixels.shape[-2:])
        if order == "image":
            masks = resample(masks[..., : size[0], : size[1]], (height, width))
        maps = torch.einsum("nqc,nqhw->nchw", p, masks.sigmoid())
        if order == "input":
            maps = resample(maps[..., : size[0], : size[1]], (height, width))
    maps = maps[0].double().numpy()
    return maps / maps.sum(axis=0)


@pytest.mark.parametrize("order", ["input", "image"])
def test_probabilities_are_those_of_detectron2s_formula_written_out(case, order):
    name, folder = case
    model = Detectron2Model.load(options(folder, masks=order))
    ours, theirs = probabilities(model, image()), by_definition(folder, name, image(), order=order)
    assert np.abs(ours - theirs).max() < 1e-5
    first, second = np.sort(theirs, axis=0)[-1:-3:-1]
    apart = first - second > 1e-5
    assert np.array_equal(ours.argmax(axis=0)[apart], theirs.argmax(axis=0)[apart])
    assert apart.mean() > 0.9


def test_a_real_frame_gets_the_probabilities_of_detectron2s_formula(case, real_data):
    name, folder = case
    with Pillow.open(sorted((real_data / "camvid" / "test").glob("*.png"))[0]) as file:
        frame = np.asarray(file.convert("RGB"))
    model = Detectron2Model.load(options(folder, resize=FitWithin(long=400, short=230)))
    ours, theirs = probabilities(model, frame), by_definition(folder, name, frame, short=230, long=400)
    assert ours.shape == (19, 360, 480)
    assert np.abs(ours - theirs).max() < 1e-5
    first, second = np.sort(theirs, axis=0)[-1:-3:-1]
    assert np.array_equal(ours.argmax(axis=0)[first - second > 1e-5], theirs.argmax(axis=0)[first - second > 1e-5])


def test_a_configuration_decides_on_sizes_pixels_and_where_masks_become_probabilities(case):
    name, folder = case
    config = (
        f"MODEL:\n  BACKBONE: {{NAME: {'D2SwinTransformer' if name == 'mask2former' else 'build_resnet_backbone'}}}\n"
        f"  PIXEL_MEAN: {list(MEAN)}\n  PIXEL_STD: {list(STD)}\n  RESNETS: {{STRIDE_IN_1X1: False}}\n"
        f"  MASK_FORMER: {{NHEADS: {4 if name == 'mask2former' else 8}, TEST: {{PANOPTIC_ON: True}}}}\n"
        "INPUT: {MIN_SIZE_TEST: 70, MAX_SIZE_TEST: 150, FORMAT: RGB}\n"
    )
    (folder / "config.yaml").write_text(config)
    model = Detectron2Model.load(
        ModelOptions("net", "detectron2", "config.yaml", CITYSCAPES, Path("model_final.pkl"), folder=folder)
    )
    assert np.abs(probabilities(model, image()) - by_definition(folder, name, image(), order="image")).max() < 1e-5
    facts = model.provenance()
    assert facts["masks"] == "image"
    assert sorted(Path(path).name for path in facts["files"]) == ["config.yaml", "model_final.pkl"]


def test_laws_of_models_hold(case):
    check_model(Detectron2Model.load(options(case[1])))


def test_it_has_probabilities_and_says_how_images_are_prepared(case):
    model = Detectron2Model.load(options(case[1]))
    assert model.gives_probabilities
    facts = model.provenance()
    assert facts["resize"] == {"long": 150, "short": 70}
    assert (facts["interpolation"], facts["pad"], facts["masks"]) == ("pillow", 32, "input")
    assert facts["normalisation"]["divisor"] == 1
    (prediction,) = model.predict([Input("a", (50, 90), image())])
    assert prediction.is_of_probabilities
    assert prediction.logits.shape == (19, 50, 90)
    assert prediction.feature is not None
    assert prediction.feature.shape == ((128,) if case[0] == "mask2former" else (256,))


@pytest.mark.parametrize(
    ("size", "seen"), [((1024, 2048), (1024, 2048)), ((1080, 1920), (1024, 1820)), ((720, 1280), (1024, 1820)),
                       ((360, 480), (1024, 1365)), ((300, 1000), (614, 2048))]
)  # fmt: skip
def test_the_shorter_side_becomes_short_unless_the_longer_one_exceeds_long(size, seen):
    assert target_size(FitWithin(long=2048, short=1024), size) == seen
    assert target_size(FitWithin(long=2048, short=1024), size[::-1]) == seen[::-1]


def test_images_keep_their_size_where_detectron2_does_not_resize_them(case):
    model = Detectron2Model.load(options(case[1], resize=None, args={"INPUT.MIN_SIZE_TEST": 0}))
    assert model.provenance()["resize"] is None
    assert not model.resizes
    own = Detectron2Model.load(options(case[1], resize="none"))
    assert own.provenance()["resize"] is None
    assert np.array_equal(probabilities(own, image()), probabilities(model, image()))


def test_sizes_and_padding_of_the_options_stand_over_those_of_the_settings(case):
    fixed = Detectron2Model.load(options(case[1], resize=(64, 96), pad=Pad(to_multiple=64), interpolation="torch"))
    facts = fixed.provenance()
    assert (facts["resize"], facts["pad"], facts["interpolation"]) == ((64, 96), 64, "torch")
    assert fixed.resizes
    usual = Detectron2Model.load(options(case[1], resize=None))
    assert usual.provenance()["resize"] == {"long": 2048, "short": 1024}


def test_the_size_of_images_is_asked_for_where_nothing_says_it(case):
    classes = tuple(f"class {i}" for i in range(19))
    labels = LabelSpace("own", classes, tuple((i, i, i) for i in range(19)))
    with pytest.raises(ModelError, match=r"no configuration says which size .*; give where: CONFIG\.yaml"):
        Detectron2Model.load(options(case[1], labels=labels, resize=None))
    with pytest.raises(ModelError, match=r"resize is 'processor'; write \[h, w\]"):
        Detectron2Model.load(options(case[1], resize="processor"))


@pytest.mark.parametrize(
    "changes",
    [{"output": 0}, {"feature": "backbone"}, {"values": "logits"}, {"align_corners": True}],
)
def test_options_without_a_meaning_for_masks_of_queries_are_refused(case, changes):
    with pytest.raises(ModelError, match="does not apply to detectron2 models; leave it out"):
        Detectron2Model.load(options(case[1], **changes))


def test_labels_are_needed_as_a_checkpoint_names_no_classes(case):
    with pytest.raises(ModelError, match="give labels, the classes it predicts"):
        Detectron2Model.load(options(case[1], labels=None))


def test_what_a_checkpoint_holds_besides_is_noted(case, tmp_path):
    content = pickle.loads((case[1] / "model_final.pkl").read_bytes()) | {"extra": Payload()}
    (tmp_path / "model_final.pkl").write_bytes(pickle.dumps(content))
    [note] = Detectron2Model.load(options(tmp_path)).notes()
    assert "left out and not run" in note


class Payload:
    def __reduce__(self):
        return os.mkdir, ("made",)
