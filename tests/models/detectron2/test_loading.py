"""Checkpoints of detectron2 as files: which tensors are taken, what is said of images, what is refused."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.detectron2_networks import detectron2_tensors, maskformer, save_pickle, small_resnet
from safetensors.numpy import save_file

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import ModelOptions
from reliseg.models.detectron2.loading import load

CITYSCAPES = label_space("cityscapes")


@pytest.fixture(scope="module")
def tensors():
    return detectron2_tensors(maskformer(small_resnet(), classes=19))


def options(folder, where="model_final.pkl", **changes):
    return ModelOptions(name="net", kind="detectron2", where=where, folder=folder, **{"labels": CITYSCAPES} | changes)


def as_torch(tensors):
    return {name: torch.from_numpy(array) for name, array in tensors.items()}


def queries(loaded):
    pixels = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, feature = loaded.runner.queries(pixels)
    return *found, feature


def test_every_form_of_a_checkpoint_gives_the_same_network(tensors, tmp_path):
    save_pickle(tmp_path / "model_final.pkl", tensors)
    (tmp_path / "old.pkl").write_bytes(pickle.dumps({"model": tensors, "__author__": "x"}, protocol=2))
    (tmp_path / "bare.pkl").write_bytes(pickle.dumps(tensors, protocol=5))
    torch.save({"model": as_torch(tensors), "iteration": 89999, "optimizer": {"state": {}}}, tmp_path / "model.pth")
    torch.save({"model": {f"module.{n}": t for n, t in as_torch(tensors).items()}}, tmp_path / "parallel.pth")
    save_file(tensors, tmp_path / "model.safetensors")
    expected = queries(load(options(tmp_path)))
    assert expected[2].shape == (1, 256)
    places = {"old.pkl": "model", "bare.pkl": "", "model.pth": "model", "parallel.pth": "model.module."}
    for where, place in (places | {"model.safetensors": ""}).items():
        loaded = load(options(tmp_path, where))
        assert loaded.weights.place == place
        assert all(torch.equal(a, b) for a, b in zip(queries(loaded), expected, strict=True)), where


def test_the_feature_is_the_mean_of_the_last_map_of_the_backbone(tensors, tmp_path):
    save_pickle(tmp_path / "model_final.pkl", tensors)
    loaded = load(options(tmp_path))
    pixels = torch.zeros(1, 3, 64, 96)
    with torch.inference_mode():
        last = loaded.runner.model.model.pixel_level_module.encoder(pixels).feature_maps[-1]
        assert torch.equal(loaded.runner.queries(pixels)[1], last.mean(dim=(2, 3)))


def test_what_a_result_says_of_it(tensors, tmp_path):
    save_pickle(tmp_path / "model_final.pkl", tensors)
    facts = load(options(tmp_path)).facts
    assert facts["class"] == "MaskFormerForInstanceSegmentation"
    assert facts["weights"] == "model"
    assert facts["left_out"] == sum("num_batches" in name for name in tensors) + 1
    assert facts["settings"]["MODEL.MASK_FORMER.NHEADS"] == 8
    assert [Path(file).name for file in facts["files"]] == ["model_final.pkl"]


class Payload:
    def __reduce__(self):
        return os.mkdir, ("made",)


def test_code_in_a_checkpoint_is_inert_and_said(tensors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"model": tensors, "trainer": Payload(), "nested": {"a": [Payload()]}}
    (tmp_path / "model_final.pkl").write_bytes(pickle.dumps(content, protocol=4))
    loaded = load(options(tmp_path))
    assert not (tmp_path / "made").exists()
    assert loaded.weights.left_out


def test_a_configuration_and_its_checkpoint_are_two_files(tensors, tmp_path):
    save_pickle(tmp_path / "model_final.pkl", tensors)
    text = "MODEL: {RESNETS: {STRIDE_IN_1X1: False}}\nINPUT: {FORMAT: BGR, MIN_SIZE_TEST: 512}\n"
    (tmp_path / "config.yaml").write_text(text)
    loaded = load(options(tmp_path, "config.yaml", weights=Path("model_final.pkl")))
    assert loaded.normalisation.bgr
    assert loaded.normalisation.mean == (103.53, 116.28, 123.675)
    assert loaded.settings.shortest_edge == {"short": 512, "long": 1333}
    assert [Path(file).name for file in loaded.facts["files"]] == ["model_final.pkl", "config.yaml"]
    with pytest.raises(ModelError, match="where names a configuration; give weights"):
        load(options(tmp_path, "config.yaml"))
    with pytest.raises(ModelError, match="weights and where name two files"):
        load(options(tmp_path, weights=Path("model_final.pkl")))


def test_a_mean_in_the_checkpoint_that_is_another_one_is_refused(tensors, tmp_path):
    mean, std = np.float32([[[103.53]], [[116.28]], [[123.675]]]), np.ones((3, 1, 1), np.float32)
    save_pickle(tmp_path / "model_final.pkl", tensors | {"pixel_mean": mean, "pixel_std": std})
    with pytest.raises(ModelError, match=r"its pixel_mean is \[103\.53, 116\.28, 123\.675\], and its settings say"):
        load(options(tmp_path))
    stated = load(options(tmp_path, mean=(103.53, 116.28, 123.675), std=(1.0, 1.0, 1.0)))
    assert stated.normalisation.std == (1.0, 1.0, 1.0)
    with pytest.raises(ModelError, match="give it for pixels from 0 to 255"):
        load(options(tmp_path, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))


def test_several_networks_in_one_file_need_a_key(tensors, tmp_path):
    other = {name: array + 1 for name, array in tensors.items()}
    (tmp_path / "model_final.pkl").write_bytes(pickle.dumps({"model": tensors, "ema": other}))
    with pytest.raises(ModelError, match="several networks: model, ema; say which with key"):
        load(options(tmp_path))
    assert load(options(tmp_path, key="ema")).weights.place == "ema"
    with pytest.raises(ModelError, match="detectron2 at key 'teacher'"):
        load(options(tmp_path, key="teacher"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t | {"backbone.res2.0.conv1.bias": np.zeros(8)}, r"conv1\.bias would be left unused"),
        (
            lambda t: {n: a for n, a in t.items() if "norm2.bias" not in n},
            r"it has no .*norm2\.bias, which the network",
        ),
        (
            lambda t: t | {"sem_seg_head.predictor.query_embed.weight": np.zeros((6, 31))},
            r"query_embed\.weight is 6 x 31",
        ),
        (lambda t: {n: a for n, a in t.items() if "class_embed" not in n}, "holds no Mask2Former or MaskFormer"),
        (lambda t: {"a": np.zeros(3)}, "it holds no Mask2Former or MaskFormer .* of kind hf"),
        (lambda t: {"a": "text"}, "it holds no tensors by name"),
    ],
)
def test_a_checkpoint_with_a_tensor_out_of_place_is_refused_by_its_name(tensors, tmp_path, change, message):
    save_pickle(tmp_path / "model_final.pkl", change(tensors))
    with pytest.raises(ModelError, match=f"(model net: )?weights .*model_final.pkl: .*{message}"):
        load(options(tmp_path))


def test_labels_of_another_number_of_classes_are_refused(tensors, tmp_path):
    save_pickle(tmp_path / "model_final.pkl", tensors)
    with pytest.raises(ModelError, match="it gives 19 classes, label space camvid has"):
        load(options(tmp_path, labels=label_space("camvid")))
