"""However a model shows images to its network, a graph does so too; what it cannot do is refused by name."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.deployed import predictor_in_memory
from helpers.exported import CAMVID, Net, agreement_in_memory, model_of, noise, predictor_of
from helpers.library_networks import load, settled
from helpers.onnx_graphs import write_graph

from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.export.export import export
from reliseg.deploy.export.network import mean_of_windows, shown_images
from reliseg.deploy.export.wishes import Wishes
from reliseg.errors import ModelError
from reliseg.models import FitWithin, ModelOptions
from reliseg.models.inference.modes import window_places
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.models.options import Augmented, Pad, Slide

WAYS = {
    "as they are": {},
    "resized": {"resize": (40, 60)},
    "resized by opencv": {"resize": FitWithin(48, 40), "interpolation": "opencv"},
    "resized by torch": {"resize": (30, 36), "interpolation": "torch"},
    "padded": {"pad": Pad(32)},
    "resized and padded": {"resize": (45, 61), "pad": Pad(16)},
    "corners aligned": {"align_corners": True},
    "other normalisation": {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3)},
    "windows": {"slide": Slide((32, 40), (20, 32))},
    "windows of probabilities": {"slide": Slide((32, 40), (20, 32), "probabilities")},
    "windows, feature of the image": {"slide": Slide((40, 40), (40, 40), feature="image"), "feature": "body"},
    "padded windows": {"slide": Slide((30, 40), (20, 32)), "pad": Pad(16)},
    "mirrored": {"tta": Augmented(flip=True)},
    "scales": {"tta": Augmented(flip=True, scales=(0.75, 1.0, 1.5))},
    "windows, mirrored": {"tta": Augmented(flip=True), "slide": Slide((32, 40), (20, 32))},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("probabilities", [False, True], ids=["logits", "probabilities"])
def test_a_graph_shows_images_as_the_model_does(way, probabilities):
    values = {"values": "probabilities"} if probabilities else {}
    predictor = predictor_of(model_of(Net(probabilities=probabilities), **values, **WAYS[way]))
    images = [noise(52, 68, seed=1), noise(52, 68, seed=2)]
    found = agreement_in_memory(predictor, images)
    assert found.problem is None
    assert found.largest < 1e-5
    assert agreement_in_memory(predictor, images, head_only=True).problem is None


@pytest.mark.parametrize("options", [{}, {"pad": Pad(32)}, {"values": "probabilities"}], ids=["bare", "padded", "p"])
def test_a_graph_resizes_as_the_data_set_does(options):
    model = model_of(Net(probabilities="values" in options), **options)
    found = agreement_in_memory(predictor_of(model, resize={"long": 60, "short": 40}), [noise(52, 90)])
    assert found.problem is None
    assert found.largest < 1e-5


def test_an_ensemble_is_the_mean_of_its_members():
    other = Net()
    with torch.no_grad():
        other.last.weight.mul_(-1)
    members = {"a": model_of(Net(), feature="body"), "b": model_of(other, feature="last", tta=Augmented(flip=True))}
    predictor = predictor_of(EnsembleModel.of(members))
    image = noise(52, 68)
    found = agreement_in_memory(predictor, [image, image[::-1]])
    assert found.problem is None
    assert found.largest < 1e-5
    shown = shown_images(predictor.model, "both", None)(torch.tensor(image[None]))
    np.testing.assert_allclose(shown.feature[0].detach(), predictor(image).feature, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "crop", "stride"), [((9, 14), (4, 6), (3, 5)), ((3, 20), (5, 7), (5, 4))])
def test_windows_are_put_together_from_the_parts_between_their_edges(size, crop, stride):
    g = torch.Generator().manual_seed(0)
    places = list(window_places(size, Slide(crop, stride)))
    windows = [torch.rand(2, 3, r.stop - r.start, c.stop - c.start, generator=g) for r, c in places]
    total, number = torch.zeros(2, 3, *size), torch.zeros(size)
    for window, (rows, columns) in zip(windows, places, strict=True):
        total[:, :, rows, columns] += window
        number[rows, columns] += 1
    torch.testing.assert_close(mean_of_windows(windows, places, size), total / number)


def test_what_cannot_be_exported_is_named():
    plain = predictor_in_memory().model
    dropout = model_of(torch.nn.Sequential(Net(), torch.nn.Dropout()), mc_dropout=2)
    short = model_of(Net(), precision="bfloat16")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        scripted = model_of(torch.jit.trace(Net(), torch.zeros(1, 3, 32, 32)))
    for model, who, why in (
        (plain, "net", "is a plain function, and no module of torch"),
        (dropout, "net", r"averages random passes \(mc_dropout\)"),
        (short, "net", "computes in bfloat16"),
        (scripted, "net", "is TorchScript"),
        (EnsembleModel.of({"a": model_of(Net()), "b": dropout}), r"net \(b\)", "averages random passes"),
    ):
        with pytest.raises(ModelError, match=f"model {who} {why}.*, which cannot be exported; .* --head-only"):
            shown_images(model, "net", None)


def onnx_model(folder: Path):
    write_graph(folder / "net.onnx")
    return load(ModelOptions("net", "onnx", "net.onnx", CAMVID, folder=folder, threads=1))


def test_what_follows_the_logits_of_an_onnx_graph_is_exported(tmp_path):
    predictor = predictor_of(onnx_model(tmp_path))
    exported = export(predictor, Wishes("pt2", head_only=True), [noise(17, 26)], tmp_path / "head.pt2")
    assert exported.agreement.largest < 1e-5


@pytest.mark.slow
def test_a_network_of_transformers_is_exported_with_the_size_of_its_processor(tmp_path):
    from helpers.hugging_face import save_network, segformer

    from reliseg.models.kinds.hf import HuggingFaceModel

    processor = {"do_resize": True, "size": {"height": 64, "width": 64}, "resample": 2, "do_normalize": True}
    given = save_network(tmp_path, segformer(), processor | {"image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    model = HuggingFaceModel.load(replace(given, resize="processor"))
    predictor = predictor_of(model, Scaled(20.0))
    labels = model.labels
    predictor = replace(predictor, dataset=replace(predictor.dataset, labels=labels))
    exported = export(predictor, Wishes("pt2"), [noise(48, 90)], tmp_path / "net.pt2")
    assert exported.agreement.largest < 1e-5
    assert exported.facts["classes"] == list(labels.classes)


@pytest.mark.zoo
@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize("kind", ["torchvision", "smp"])
def test_networks_of_libraries_are_exported(kind, form, tmp_path):
    if kind == "torchvision":
        from torchvision import models

        where, args = "lraspp_mobilenet_v3_large", {}
        module = models.get_model(where, num_classes=11, weights=None, weights_backbone=None)
    else:
        import segmentation_models_pytorch as smp

        where, args = "Unet", {"encoder_name": "resnet18", "encoder_depth": 3, "decoder_channels": [16, 8, 8]}
        module = smp.create_model(where, classes=11, encoder_weights=None, **args)
    torch.save(settled(module).state_dict(), tmp_path / "net.pth")
    given = {"weights": Path("net.pth"), "folder": tmp_path, "args": args, "threads": 1}
    predictor = predictor_of(load(ModelOptions("net", kind, where, CAMVID, **given)))
    out = tmp_path / f"net.{form}"
    exported = export(predictor, Wishes(form), [noise(64, 96), noise(64, 96, seed=1)], out)
    assert exported.agreement.largest < 1e-5


@pytest.mark.zoo
@pytest.mark.parametrize(("family", "form"), [("segformer", "onnx"), ("segformer", "pt2"), ("deeplabv3plus", "pt2")])
def test_networks_of_mmsegmentation_are_exported_with_the_size_of_their_configuration(family, form, tmp_path):
    from helpers.mmseg_networks import FAMILIES, options_of, random_network, save_new, write_configuration

    save_new(tmp_path / "net.pth", random_network(write_configuration(tmp_path, FAMILIES[family])))
    predictor = predictor_of(load(options_of(tmp_path)), Scaled(2.0))
    predictor = replace(predictor, dataset=replace(predictor.dataset, labels=predictor.model.labels))
    out = tmp_path / f"net.{form}"
    exported = export(predictor, Wishes(form), [noise(72, 96), noise(72, 96, seed=1)], out)
    assert exported.agreement.largest < 1e-5
    assert exported.facts["inputs"]["image"]["shape"] == [1, 72, 96, 3]  # its code counts the images
