import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image as Pillow
from torch.nn.functional import interpolate
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError, SampleError
from reliseg.labels import label_space
from reliseg.models import MODELS, Input, ModelOptions
from reliseg.models.kinds.hf import HuggingFaceModel

CITYSCAPES = label_space("cityscapes")
STAGES = ["stage1", "stage2", "stage3", "stage4"]
TINY = {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1]}


def named(names: tuple[str, ...]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}


def segformer(**changes: Any) -> Any:
    config = {**TINY, "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16, **named(CITYSCAPES.classes)}
    return transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(**(config | changes)))


def upernet(**changes: Any) -> Any:
    backbone = transformers.ConvNextConfig(**TINY, out_features=STAGES)
    config = {"backbone_config": backbone, "hidden_size": 16, "auxiliary_channels": 8, **named(CITYSCAPES.classes)}
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(**(config | changes)))


@pytest.fixture(autouse=True)
def _quiet_and_seeded() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    torch.manual_seed(0)
    yield
    transformers_logging.enable_progress_bar()


def saved(folder: Path, network: Any, processor: dict[str, Any] | None = None) -> ModelOptions:
    """A network saved with weights that are not symmetric, and its processor's file."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder / "net")
    if processor is not None:
        (folder / "net" / "preprocessor_config.json").write_text(json.dumps(processor))
    return ModelOptions(name="hub", kind="hf", where="net", folder=folder, threads=1)


def image(height: int = 64, width: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def given(*images: np.ndarray) -> list[Input]:
    return [Input(f"day/{i}", im.shape[:2], im) for i, im in enumerate(images)]


def normalised(pixels: np.ndarray) -> torch.Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((torch.from_numpy(pixels) / 255 - mean) / std).permute(2, 0, 1)[None]


def test_the_registry_knows_it() -> None:
    assert MODELS.get("hf") is HuggingFaceModel


@pytest.mark.parametrize("build", [segformer, upernet])
def test_native_logits_upsampled_are_the_models_own(tmp_path: Path, build: Any) -> None:
    network = build()
    model = HuggingFaceModel.load(saved(tmp_path, network))
    [first, prediction] = model.predict(given(255 - image(), image()))
    assert prediction.logits.shape == (19, 16, 24)
    assert (prediction.size, prediction.align_corners) == ((64, 96), False)
    with torch.no_grad():
        own = network.eval()(normalised(image()), output_hidden_states=True)
        deepest = (
            own.hidden_states[-1] if build is segformer else network.backbone(normalised(image())).feature_maps[-1]
        )
    ours = interpolate(torch.from_numpy(prediction.logits)[None], (64, 96), mode="bilinear", align_corners=False)
    theirs = interpolate(own.logits, (64, 96), mode="bilinear", align_corners=False)
    assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)
    assert theirs.std() > 1e-2
    assert not np.allclose(first.logits, prediction.logits)
    np.testing.assert_allclose(prediction.feature, deepest[0].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_the_feature_is_the_deepest_map(tmp_path: Path) -> None:
    for i, build in enumerate([segformer, upernet]):
        (tmp_path / str(i)).mkdir()
        [prediction] = HuggingFaceModel.load(saved(tmp_path / str(i), build())).predict(given(image()))
        assert prediction.feature is not None
        assert (prediction.feature.shape, prediction.feature.dtype) == ((24,), np.float32)


PROCESSORS = {
    "defaults": {"image_processor_type": "SegformerImageProcessor"},
    "given": {
        "image_processor_type": "SegformerImageProcessor",
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.3, 0.4],
        "rescale_factor": 0.01,
        "size": {"height": 32, "width": 48},
        "resample": 3,
    },
    "no normalisation": {"image_processor_type": "SegformerImageProcessor", "do_normalize": False},
    "no scale": {"image_processor_type": "SegformerImageProcessor", "do_rescale": False},
    "blue first": {"image_processor_type": "MobileViTImageProcessor", "do_center_crop": False},
    "vit": {"image_processor_type": "ViTImageProcessor", "size": {"height": 40, "width": 40}},
}


@pytest.mark.parametrize(
    ("name", "resizes"), [(n, r) for n in PROCESSORS for r in (False, True) if (n, r) != ("blue first", True)]
)
def test_images_are_prepared_as_the_processor_does(tmp_path: Path, name: str, resizes: bool) -> None:
    options = saved(tmp_path, segformer(), PROCESSORS[name])
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "net", backend="pil")
    changes = {} if resizes else {"do_resize": False}
    theirs = processor(image(), return_tensors="pt", **changes)["pixel_values"]
    model = HuggingFaceModel.load(replace(options, resize="processor" if resizes else None))
    seen = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, args: seen.append(args) if type(module).__name__ == "SegformerOverlapPatchEmbeddings" else None
    )
    try:
        [prediction] = model.predict(given(image()))
    finally:
        hook.remove()
    ours = seen[0][0]
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5)
    assert prediction.size == (64, 96)


def test_without_a_processor_imagenets_numbers_are_used_and_said(tmp_path: Path) -> None:
    facts = HuggingFaceModel.load(saved(tmp_path, segformer())).provenance()
    assert facts["processor"]["source"].startswith("none stored: ImageNet's")
    assert facts["processor"]["normalisation"]["mean"] == (0.485, 0.456, 0.406)
    assert {Path(f).name for f in facts["files"]} == {"config.json", "model.safetensors"}
    assert (facts["class"], facts["commit"]) == ("SegformerForSemanticSegmentation", None)


def test_a_processor_of_an_unknown_type_is_read_as_far_as_it_says(tmp_path: Path) -> None:
    stored = {"image_processor_type": "SegformerFeatureExtractor", "image_mean": [0.1] * 3, "image_std": [0.2] * 3}
    facts = HuggingFaceModel.load(saved(tmp_path, segformer(), stored)).provenance()
    assert facts["processor"]["normalisation"] == {"mean": (0.1,) * 3, "std": (0.2,) * 3, "divisor": 255, "bgr": False}
    options = saved(tmp_path, segformer(), {"image_processor_type": "NoSuchProcessor"})
    with pytest.raises(ModelError, match="model hub: its image processor cannot be used"):
        HuggingFaceModel.load(options)


def test_options_override_the_processor(tmp_path: Path) -> None:
    options = saved(tmp_path, segformer(), PROCESSORS["given"])
    changed = replace(options, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize=(32, 64), align_corners=True)
    model = HuggingFaceModel.load(changed)
    [prediction] = model.predict(given(image()))
    assert (prediction.logits.shape, prediction.size, prediction.align_corners) == ((19, 8, 16), (64, 96), True)
    facts = model.provenance()["processor"]
    assert (facts["normalisation"]["mean"], facts["size"], facts["resample"]) == ((0.0,) * 3, (32, 64), 2)


@pytest.mark.parametrize(
    ("processor", "resize", "problem"),
    [
        (None, "processor", "its image processor names no size; write resize: \\[h, w\\]"),
        ({"image_processor_type": "MobileViTImageProcessor"}, "processor", "sets do_center_crop; write"),
        ({"image_processor_type": "ConvNextImageProcessor"}, "processor", "sets shortest_edge; write"),
        (None, "half", "resize is 'half'; write processor or \\[h, w\\]"),
    ],
)
def test_sizes_that_cannot_be(tmp_path: Path, processor: Any, resize: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        HuggingFaceModel.load(replace(saved(tmp_path, segformer(), processor), resize=resize))


def test_labels_are_recognised_by_their_names(tmp_path: Path) -> None:
    assert HuggingFaceModel.load(saved(tmp_path, segformer())).labels is CITYSCAPES
    camvid = label_space("camvid")
    assert HuggingFaceModel.load(saved(tmp_path, segformer(**named(camvid.classes)))).labels is camvid


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    options = saved(tmp_path, segformer(**named(("cat", "dog"))))
    with pytest.raises(ModelError, match=r"its 2 classes \(cat, dog\) are no label space .*; give labels"):
        HuggingFaceModel.load(options)
    with pytest.raises(ModelError, match="model hub gives 2 classes, label space cityscapes has 19"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))
    options = saved(tmp_path, segformer(**named(CITYSCAPES.classes[::-1])))
    with pytest.raises(ModelError, match="another order: class 0 is 'bicycle', not 'road'"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))


def test_labels_without_names_are_taken_as_given(tmp_path: Path) -> None:
    options = saved(tmp_path, segformer(**named(tuple(f"LABEL_{i}" for i in range(11)))))
    assert HuggingFaceModel.load(replace(options, labels=label_space("camvid"))).labels.name == "camvid"


def test_a_backbone_without_a_head_is_refused(tmp_path: Path) -> None:
    options = saved(tmp_path, segformer())
    transformers.SegformerModel.from_pretrained(tmp_path / "net").save_pretrained(tmp_path / "net")
    with pytest.raises(ModelError, match=r"has no weights for decode_head\.\S+ and \d+ more; a checkpoint trained"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))


def test_other_families_are_named(tmp_path: Path) -> None:
    transformers.ViTConfig().save_pretrained(tmp_path / "net")
    with pytest.raises(ModelError, match=r"model hub: ViTConfig is no semantic .*; supported: .*segformer, .*upernet"):
        HuggingFaceModel.load(ModelOptions(name="hub", kind="hf", where="net", folder=tmp_path))


@pytest.mark.parametrize("where", ["./gone", "/gone/net", "a/b/c", "net.txt"])
def test_a_folder_that_is_not_there(tmp_path: Path, where: str) -> None:
    (tmp_path / "net.txt").touch()
    with pytest.raises(ModelError, match=r"model hub: .* is no folder, and '.*' is no model id of the hub"):
        HuggingFaceModel.load(ModelOptions(name="hub", kind="hf", where=where, folder=tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("config.json", None, "has no config.json"),
        ("config.json", "{", "cannot be read"),
        ("config.json", '{"model_type": "gone"}', "cannot be read: .*gone"),
        ("model.safetensors", None, "cannot be loaded: .*no file named model.safetensors"),
        ("model.safetensors", "no weights", "cannot be loaded"),
    ],
)
def test_a_folder_that_is_broken(tmp_path: Path, name: str, content: str | None, problem: str) -> None:
    options = saved(tmp_path, segformer())
    (tmp_path / "net" / name).unlink()
    if content is not None:
        (tmp_path / "net" / name).write_text(content)
    with pytest.raises(ModelError, match=problem) as caught:
        HuggingFaceModel.load(options)
    assert "\n" not in str(caught.value)


def test_an_unknown_id_offline_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="model hub: nobody/nothing cannot be read: ") as caught:
        HuggingFaceModel.load(ModelOptions(name="hub", kind="hf", where="nobody/nothing"))
    assert "\n" not in str(caught.value)


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    options = saved(tmp_path, segformer())
    with pytest.raises(ModelError, match="unknown argument 'revison'; did you mean 'revision'"):
        HuggingFaceModel.load(replace(options, args={"revison": "main"}))
    with pytest.raises(ModelError, match=r"net.pth: no such file"):
        HuggingFaceModel.load(replace(options, weights=Path("net.pth")))


def test_an_image_that_fails_is_named(tmp_path: Path) -> None:
    model = HuggingFaceModel.load(saved(tmp_path, segformer()))
    with pytest.raises(SampleError, match=r"^day/0: model hub raised \w+: "):
        model.predict(given(image(1, 1)))


def test_transformers_is_quiet_and_speaks_again_after(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    options = saved(tmp_path, segformer(), PROCESSORS["defaults"])
    transformers_logging.set_verbosity(logging.WARNING)
    transformers_logging.enable_progress_bar()
    capfd.readouterr()
    HuggingFaceModel.load(options)
    assert capfd.readouterr() == ("", "")
    assert transformers_logging.get_verbosity() == logging.WARNING
    assert transformers_logging.is_progress_bar_enabled()


def test_resizing_is_bilinear_and_widens_when_it_shrinks() -> None:
    from reliseg.models.resizing import resize_image

    small = resize_image(image(), (16, 24))
    np.testing.assert_array_equal(small, Pillow.fromarray(image()).resize((24, 16), Pillow.Resampling.BILINEAR))
    assert small.std() < 0.6 * image().std()
    assert resize_image(small, (16, 24)) is small


def test_a_model_without_feature_maps_has_no_feature(tmp_path: Path) -> None:
    sizes = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BeitConfig(
        **sizes, **named(CITYSCAPES.classes), image_size=64, patch_size=16, out_indices=[1, 2, 3, 4]
    )
    model = HuggingFaceModel.load(saved(tmp_path, transformers.BeitForSemanticSegmentation(config)))
    [prediction] = model.predict(given(image(64, 64)))
    assert (prediction.logits.shape, prediction.feature) == ((19, 16, 16), None)


def test_without_transformers_it_is_a_missing_extra() -> None:
    code = """
import sys
sys.modules["transformers"] = None
from reliseg.models import MODELS, ModelOptions
try:
    MODELS.get("hf").load(ModelOptions(name="hub", kind="hf", where="a/b"))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "MissingExtraError model hub needs transformers: pip install 'reliseg[hf]'"
