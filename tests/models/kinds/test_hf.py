"""Models of transformers, from loading to predictions: their own logits, their preparation, their label space."""

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import CITYSCAPES, class_names, save_network, save_processor, segformer, upernet
from torch.nn.functional import interpolate
from transformers.utils import logging as transformers_logging

import reliseg.models.hf
from reliseg.errors import MissingExtraError, ModelError, SampleError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import MODELS, Input, ModelOptions
from reliseg.models.kinds.hf import HuggingFaceModel
from reliseg.testing import check_model

SEGFORMER = {"image_processor_type": "SegformerImageProcessor"}
GIVEN = SEGFORMER | {
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "rescale_factor": 0.01,
    "size": {"height": 32, "width": 48},
    "resample": 3,
}


@pytest.fixture(autouse=True)
def _no_bars() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    yield
    transformers_logging.enable_progress_bar()


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ModelOptions:
    """A segformer with the classes of Cityscapes and no processor, saved once: copy the folder to change it."""
    transformers_logging.disable_progress_bar()
    return save_network(tmp_path_factory.mktemp("segformer"), segformer())


def with_processor(options: ModelOptions, folder: Path, processor: dict[str, Any] | None) -> ModelOptions:
    shutil.copytree(options.folder, folder, dirs_exist_ok=True)
    if processor is not None:
        save_processor(folder / "net", processor)
    return replace(options, folder=folder)


def image(height: int = 64, width: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def inputs_of(*images: np.ndarray) -> list[Input]:
    return [Input(f"day/{i}", im.shape[:2], im) for i, im in enumerate(images)]


def normalise(pixels: np.ndarray) -> torch.Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((torch.from_numpy(pixels) / 255 - mean) / std).permute(2, 0, 1)[None]


def test_the_registry_knows_it() -> None:
    assert MODELS.get("hf") is HuggingFaceModel


def test_it_obeys_the_laws_of_models(options: ModelOptions) -> None:
    check_model(HuggingFaceModel.load(options))


@pytest.mark.slow
@pytest.mark.parametrize("build", [segformer, upernet])
def test_native_logits_upsampled_are_the_models_own(tmp_path: Path, build: Any) -> None:
    network = build()
    model = HuggingFaceModel.load(save_network(tmp_path, network))
    [first, prediction] = model.predict(inputs_of(255 - image(), image()))
    assert prediction.logits.shape == (19, 16, 24)
    assert (prediction.size, prediction.align_corners) == ((64, 96), False)
    with torch.no_grad():
        own = network.eval()(normalise(image()), output_hidden_states=True)
        deepest = own.hidden_states[-1] if build is segformer else network.backbone(normalise(image())).feature_maps[-1]
    ours = interpolate(torch.from_numpy(prediction.logits)[None], (64, 96), mode="bilinear", align_corners=False)
    theirs = interpolate(own.logits, (64, 96), mode="bilinear", align_corners=False)
    assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)
    assert theirs.std() > 1e-2
    assert not np.allclose(first.logits, prediction.logits)
    np.testing.assert_allclose(prediction.feature, deepest[0].mean((1, 2)), rtol=1e-4, atol=1e-5)
    assert prediction.feature.dtype == np.float32


@pytest.mark.parametrize("resizes", [False, True])
def test_images_reach_the_network_as_the_processor_prepares_them(
    options: ModelOptions, tmp_path: Path, resizes: bool
) -> None:
    options = with_processor(options, tmp_path, GIVEN)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "net", backend="pil")
    theirs = processor(image(), return_tensors="pt", do_resize=resizes)["pixel_values"]
    model = HuggingFaceModel.load(replace(options, resize="processor" if resizes else None))
    arguments = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, args: (
            arguments.append(args) if type(module).__name__ == "SegformerOverlapPatchEmbeddings" else None
        )
    )
    try:
        [prediction] = model.predict(inputs_of(image()))
    finally:
        hook.remove()
    torch.testing.assert_close(arguments[0][0], theirs, atol=2e-5, rtol=1e-5)
    assert prediction.size == (64, 96)


def test_provenance_has_files_preparation_and_settings(options: ModelOptions) -> None:
    facts = HuggingFaceModel.load(options).provenance()
    assert facts["processor"]["source"].startswith("none stored: ImageNet's")
    assert facts["processor"]["normalisation"]["mean"] == (0.485, 0.456, 0.406)
    assert {Path(f).name for f in facts["files"]} == {"config.json", "model.safetensors"}
    assert (facts["class"], facts["commit"]) == ("SegformerForSemanticSegmentation", None)
    assert (facts["kind"], facts["labels"], facts["threads"]) == ("hf", "cityscapes", 1)


def test_options_override_the_processor(options: ModelOptions, tmp_path: Path) -> None:
    options = with_processor(options, tmp_path, GIVEN)
    changes = replace(options, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize=(32, 64), align_corners=True)
    model = HuggingFaceModel.load(changes)
    [prediction] = model.predict(inputs_of(image()))
    assert (prediction.logits.shape, prediction.size, prediction.align_corners) == ((19, 8, 16), (64, 96), True)
    facts = model.provenance()["processor"]
    assert (facts["normalisation"]["mean"], facts["size"], facts["resample"]) == ((0.0,) * 3, (32, 64), 2)


@pytest.mark.parametrize(
    ("processor", "resize", "problem"),
    [
        (None, "processor", "its image processor sets no size; write resize: \\[h, w\\]"),
        ({"image_processor_type": "MobileViTImageProcessor"}, "processor", "sets do_center_crop; write"),
        ({"image_processor_type": "ConvNextImageProcessor", "size": 224}, "processor", "sets crop_pct; write"),
        (None, "half", "resize is 'half'; write processor or \\[h, w\\]"),
    ],
)
def test_sizes_that_cannot_be(
    options: ModelOptions, tmp_path: Path, processor: dict[str, Any] | None, resize: str, problem: str
) -> None:
    options = with_processor(options, tmp_path, processor)
    with pytest.raises(ModelError, match=problem):
        HuggingFaceModel.load(replace(options, resize=resize))


def test_labels_are_recognised_by_their_names(options: ModelOptions, tmp_path: Path) -> None:
    assert HuggingFaceModel.load(options).labels is CITYSCAPES
    camvid = label_space("camvid")
    assert HuggingFaceModel.load(save_network(tmp_path, segformer(**class_names(camvid.classes)))).labels is camvid


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    options = save_network(tmp_path, segformer(**class_names(("cat", "dog"))))
    with pytest.raises(ModelError, match=r"its 2 classes \(cat, dog\) are not those of a label space .*; set labels"):
        HuggingFaceModel.load(options)
    with pytest.raises(ModelError, match="model hub gives 2 classes, label space cityscapes has 19"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))
    options = save_network(tmp_path, segformer(**class_names(CITYSCAPES.classes[::-1])))
    with pytest.raises(ModelError, match="has 'bicycle' as class 0, and label space cityscapes as class 18"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))


def test_labels_without_names_are_those_of_the_options(tmp_path: Path) -> None:
    options = save_network(tmp_path, segformer(**class_names(tuple(f"LABEL_{i}" for i in range(11)))))
    assert HuggingFaceModel.load(replace(options, labels=label_space("camvid"))).labels.name == "camvid"


def test_the_spelling_of_class_names_does_not_matter(tmp_path: Path) -> None:
    names = tuple(c.upper().replace(" ", "_") for c in CITYSCAPES.classes)
    model = HuggingFaceModel.load(save_network(tmp_path, segformer(**class_names(names))))
    assert model.labels is CITYSCAPES
    assert model.notes() == []


def test_a_shared_name_at_another_place_is_refused_in_any_spelling(tmp_path: Path) -> None:
    names = list(CITYSCAPES.classes)
    names[6], names[7] = "Traffic-Sign", "lamp"
    options = save_network(tmp_path, segformer(**class_names(tuple(names))))
    with pytest.raises(ModelError, match="has 'Traffic-Sign' as class 6, and label space cityscapes as class 7"):
        HuggingFaceModel.load(replace(options, labels=CITYSCAPES))


def test_class_names_that_are_not_shared_are_listed(tmp_path: Path) -> None:
    names = tuple("motorbike" if c == "motorcycle" else c for c in CITYSCAPES.classes)
    options = save_network(tmp_path, segformer(**class_names(names)))
    [note] = HuggingFaceModel.load(replace(options, labels=CITYSCAPES)).notes()
    assert note.startswith(
        "names classes otherwise than label space cityscapes: 17 is 'motorbike' and here 'motorcycle'"
    )


def test_class_numbers_with_a_gap_are_refused(options: ModelOptions, tmp_path: Path) -> None:
    options = with_processor(options, tmp_path, None)
    config = json.loads((tmp_path / "net" / "config.json").read_text())
    config["id2label"] = {str(i + (i > 4)): name for i, name in enumerate(CITYSCAPES.classes)}
    (tmp_path / "net" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="names 19 classes, and none is number 5; number them 0 to 18"):
        HuggingFaceModel.load(options)


REDUCING = SEGFORMER | {"do_reduce_labels": True}


@pytest.mark.parametrize("key", ["do_reduce_labels", "reduce_labels"])
def test_reduced_labels_are_refused_for_a_label_space_that_ships(
    options: ModelOptions, tmp_path: Path, key: str
) -> None:
    options = with_processor(options, tmp_path, SEGFORMER | {key: True})
    for labels in (None, CITYSCAPES):
        with pytest.raises(ModelError, match="do_reduce_labels, so in training id 0 was left out"):
            HuggingFaceModel.load(replace(options, labels=labels))


def test_of_two_settings_that_reduce_labels_the_new_one_counts(options: ModelOptions, tmp_path: Path) -> None:
    both = SEGFORMER | {"do_reduce_labels": False, "reduce_labels": True}
    assert HuggingFaceModel.load(with_processor(options, tmp_path, both)).labels is CITYSCAPES


def test_reduced_labels_are_refused_where_class_0_is_the_rest(tmp_path: Path) -> None:
    names = ("background", "wall", "floor", "door")
    options = save_network(tmp_path, segformer(**class_names(names)), REDUCING)
    with pytest.raises(ModelError, match="do_reduce_labels"):
        HuggingFaceModel.load(replace(options, labels=LabelSpace("rooms", names, ((0, 0, 0),) * 4)))


@pytest.mark.parametrize("first", [(), ("background",)])
def test_a_label_space_of_the_reduced_ids_is_accepted(tmp_path: Path, first: tuple[str, ...]) -> None:
    classes = ("wall", "floor", "door", "lamp")
    names = (*first, *classes)[:4]
    options = save_network(tmp_path, segformer(**class_names(names)), REDUCING)
    labels = LabelSpace("rooms", classes, ((0, 0, 0),) * 4)
    assert HuggingFaceModel.load(replace(options, labels=labels)).labels is labels


def test_a_mean_on_another_scale_is_refused(options: ModelOptions, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model hub: mean is \[123.7, 116.3, 103.5\], and images are in 0..1"):
        HuggingFaceModel.load(replace(options, mean=(123.675, 116.28, 103.53)))
    unscaled = with_processor(options, tmp_path, SEGFORMER | {"do_rescale": False, "image_std": [0.0, 1.0, 1.0]})
    with pytest.raises(ModelError, match="give positive numbers"):
        HuggingFaceModel.load(unscaled)


def test_options_of_python_models_are_refused(options: ModelOptions) -> None:
    with pytest.raises(ModelError, match="output does not apply to hf models"):
        HuggingFaceModel.load(replace(options, output="logits"))
    with pytest.raises(ModelError, match="key says where weights lie in a file, and weights names none"):
        HuggingFaceModel.load(replace(options, key="ema"))


def test_packages_that_do_not_fit_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a torchvision of another torch does: its import ends with another error than ImportError."""

    class Broken:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "reliseg.models.hf.loading":
                raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    for module in ("loading", "library"):
        monkeypatch.delitem(sys.modules, f"reliseg.models.hf.{module}", raising=False)
        monkeypatch.delattr(reliseg.models.hf, module, raising=False)
    with pytest.raises(
        ModelError, match=r"transformers cannot be imported .*torchvision::nms does not exist.*; install"
    ):
        HuggingFaceModel.load(ModelOptions(name="hub", kind="hf", where="a/b"))


def test_weights_of_a_whole_checkpoint_replace_those_of_the_folder(options: ModelOptions, tmp_path: Path) -> None:
    options = with_processor(options, tmp_path, None)
    network = segformer()
    ema = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"model": {n: v * 0 for n, v in network.state_dict().items()}, "ema": ema}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"several state dicts fit: model, ema.module.; say which with key"):
        HuggingFaceModel.load(replace(options, weights=Path("w.pth")))
    model = HuggingFaceModel.load(replace(options, weights=Path("w.pth"), key="ema"))
    with torch.no_grad():
        expected = network.eval()(normalise(image())).logits[0].numpy()
    np.testing.assert_allclose(model.predict(inputs_of(image()))[0].logits, expected, atol=1e-5)
    assert model.provenance()["weights"] == "ema.module."


def test_a_flipped_bit_in_a_torch_file_is_found(options: ModelOptions, tmp_path: Path) -> None:
    options = with_processor(options, tmp_path, None)
    (tmp_path / "net" / "model.safetensors").unlink()
    network = segformer()
    path = tmp_path / "net" / "pytorch_model.bin"
    torch.save(network.state_dict(), path)
    HuggingFaceModel.load(options)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.bin: (damaged, as the checksum|a damaged archive)"):
        HuggingFaceModel.load(options)


def test_other_arguments_are_refused(options: ModelOptions) -> None:
    with pytest.raises(ModelError, match="unknown argument 'revison'; did you mean 'revision'"):
        HuggingFaceModel.load(replace(options, args={"revison": "main"}))
    with pytest.raises(ModelError, match=r"net.pth: no such file"):
        HuggingFaceModel.load(replace(options, weights=Path("net.pth")))


def test_an_image_that_fails_is_named(options: ModelOptions) -> None:
    with pytest.raises(SampleError, match=r"^day/0: model hub raised \w+: "):
        HuggingFaceModel.load(options).predict(inputs_of(image(1, 1)))


def test_loading_writes_nothing(
    options: ModelOptions, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    options = with_processor(options, tmp_path, SEGFORMER)
    transformers_logging.set_verbosity(logging.WARNING)
    transformers_logging.enable_progress_bar()
    capfd.readouterr()
    HuggingFaceModel.load(options)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_without_transformers_it_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    for module in ("loading", "library"):
        monkeypatch.delitem(sys.modules, f"reliseg.models.hf.{module}", raising=False)
        monkeypatch.delattr(reliseg.models.hf, module, raising=False)
    with pytest.raises(MissingExtraError) as caught:
        HuggingFaceModel.load(ModelOptions(name="hub", kind="hf", where="a/b"))
    assert str(caught.value) == "model hub needs transformers: pip install 'reliseg[hf]'"
