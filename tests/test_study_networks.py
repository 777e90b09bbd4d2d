"""The page on the study's networks: each of the 27 is read, asked as in the study, built in a small size and run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from reliseg.config.inputs import ModelConfig
from reliseg.config.schema import parse_config, parse_settings
from reliseg.models import Input
from reliseg.models.options import FitWithin, Slide
from reliseg.plan.open import model_loader

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "study-networks.md").read_text()


class Asked(NamedTuple):
    """How a network of the study is asked: windows and their stride, None for whole images; what images fit within."""

    window: tuple[int, int] | None
    long: int
    align_corners: bool


WINDOWS_769 = Asked((769, 513), 2049, True)
SEGFORMER = Asked((1024, 768), 2048, False)
ASKED = {
    **dict.fromkeys(("setr-pup", "setr-naive", "setr-mla"), Asked((768, 512), 2049, False)),
    **dict.fromkeys((f"segformer-b{i}" for i in range(6)), SEGFORMER),
    **dict.fromkeys(("segformer-b5-v2", "segformer-b5-v3"), Asked(None, 2048, False)),
    **dict.fromkeys((f"deeplabv3plus-r{depth}" for depth in (18, 50, 101)), WINDOWS_769),
    "upernet-r18": Asked(None, 2048, False),
    **dict.fromkeys(("upernet-r50", "upernet-r101", "segmenter-160k", "segmenter-80k"), WINDOWS_769),
    **dict.fromkeys(("convnext-l", "convnext-b-in1k", "convnext-b-in21k"), WINDOWS_769),
    **dict.fromkeys(("bit-r50x1-in1k", "bit-r50x1-in21k"), WINDOWS_769),
    "swin-l": Asked((769, 513), 2049, False),
}
"""The 25 networks of mmsegmentation, as the study's scripts ran them."""
MASKS = ("mask2former", "maskformer")


def _models() -> Iterator[ModelConfig]:
    for text in re.findall(r"```yaml title=\"[\w.-]+\"\n(.*?)```", PAGE, re.DOTALL):
        yield from parse_config(yaml.safe_load(text), where="page").models


MODELS = {model.name: model for model in _models()}


def test_the_page_has_the_27_networks_each_once() -> None:
    assert len(list(_models())) == len(MODELS) == 27
    assert set(MODELS) == {*ASKED, *MASKS}
    assert {model.kind for name, model in MODELS.items() if name in ASKED} == {"mmseg"}
    assert {MODELS[name].kind for name in MASKS} == {"detectron2"}


def test_each_dated_file_is_where_the_page_says_and_the_others_are_ones_own() -> None:
    dated = [m for m in MODELS.values() if m.weights and re.search(r"_\d{8}_\d{6}-[0-9a-f]{8}\.pth$", m.weights)]
    assert len(dated) == 15
    for model in dated:
        name = Path(str(model.weights)).name
        run = re.sub(r"_\d{8}_\d{6}-[0-9a-f]{8}\.pth$", "", name)
        assert re.search(rf"\| `{re.escape(name)}` \| `\w+/{re.escape(run)}` \|", PAGE)
        assert not model.where.endswith(".py")
    own = [m for m in MODELS.values() if m.kind == "mmseg" and m not in dated]
    assert len(own) == 10
    assert {m.labels for m in own} == {"cityscapes"}
    for name in MASKS:
        assert f"`{Path(MODELS[name].where).name}`" in PAGE


def test_configurations_that_do_not_ship_lie_beside_the_examples() -> None:
    named = {m.where for m in MODELS.values() if m.where.endswith(".py")}
    assert named == {f"examples/study/{path.name}" for path in (ROOT / "examples" / "study").glob("*.py")}


@pytest.mark.zoo
@pytest.mark.parametrize("name", ASKED)
def test_each_network_of_mmsegmentation_is_asked_as_in_the_study(name: str) -> None:
    from reliseg.models.mmseg.configurations import read_configuration
    from reliseg.models.mmseg.settings import read_settings

    model, asked = MODELS[name], ASKED[name]
    content = read_configuration(name, model.where, ROOT, model.args).content
    settings = read_settings(name, content)
    assert not settings.problems
    assert not settings.bgr
    assert settings.interpolation == "opencv"
    assert settings.resize == FitWithin(long=asked.long, short=(asked.long + 1) // 2)
    assert settings.pad is None
    windows = asked.window and Slide(crop=(asked.window[0],) * 2, stride=(asked.window[1],) * 2)
    assert settings.slide == windows
    np.testing.assert_allclose(settings.mean, (123.675, 116.28, 103.53))
    np.testing.assert_allclose(settings.std, (58.395, 57.12, 57.375))
    assert content["model"]["decode_head"].get("align_corners", False) == asked.align_corners
    assert content["model"]["decode_head"]["num_classes"] == 19


_VIT = {"embed_dims": 48, "num_layers": 4, "num_heads": 3, "img_size": (64, 64)}
_SETR = {"backbone": _VIT | {"out_indices": (0, 1, 2, 3)}, "auxiliary_head": None}
_HEAD = {"in_channels": 48, "channels": 32}


def _resnet(widths: list[int]) -> dict[str, Any]:
    return {
        "backbone": {"base_channels": 16, "stem_channels": 16},
        "auxiliary_head": {"in_channels": widths[2], "channels": 16},
    }


def _of_resnet(head: str, depth: int) -> dict[str, Any]:
    widths = [16, 32, 64, 128] if depth == 18 else [64, 128, 256, 512]
    if head == "uper":
        return _resnet(widths) | {"decode_head": {"in_channels": widths, "channels": 32}}
    decode = {"in_channels": widths[3], "channels": 32, "c1_in_channels": widths[0], "c1_channels": 8}
    return _resnet(widths) | {"decode_head": decode}


def _uper(backbone: dict[str, Any], widths: list[int]) -> dict[str, Any]:
    return {"backbone": backbone, "decode_head": {"in_channels": widths, "channels": 32}}


_SEGMENTER = {
    "backbone": _VIT | {"out_indices": 3},
    "decode_head": {"in_channels": 48, "channels": 48, "embed_dims": 48, "num_heads": 3},
}
_CONVNEXT = _uper({"arch": {"depths": [1, 1, 1, 1], "channels": [16, 32, 64, 128]}}, [16, 32, 64, 128])
_SEGFORMER = {
    "backbone": {"embed_dims": 16, "num_layers": [1, 1, 1, 1]},
    "decode_head": {"in_channels": [16, 32, 80, 128], "channels": 32},
}
SMALL: dict[str, dict[str, Any]] = {
    "setr-pup": _SETR | {"decode_head": _HEAD},
    "setr-naive": _SETR | {"decode_head": _HEAD},
    "setr-mla": _SETR
    | {
        "neck": {"in_channels": [48] * 4, "out_channels": 32},
        "decode_head": {"in_channels": (32,) * 4, "channels": 64, "mla_channels": 16},
    },
    **{name: _SEGFORMER for name in ASKED if name.startswith("segformer")},
    **{f"deeplabv3plus-r{depth}": _of_resnet("aspp", depth) for depth in (18, 50, 101)},
    **{f"upernet-r{depth}": _of_resnet("uper", depth) for depth in (18, 50, 101)},
    **{name: _SEGMENTER for name in ASKED if name.startswith("segmenter")},
    **{name: _CONVNEXT for name in ASKED if name.startswith("convnext")},
    **{name: {"decode_head": {"channels": 32}} for name in ASKED if name.startswith("bit")},
    "swin-l": _uper({"embed_dims": 24, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8]}, [24, 48, 96, 192]),
}
"""What is changed of each network to make it small; of BiT timm has no smaller one."""


def _small_configuration(folder: Path, name: str) -> Path:
    """Write a configuration of the same network in a small size, for small images, in windows if it has some."""
    from reliseg.models.mmseg.configurations import find_configuration

    file, _ = find_configuration(name, MODELS[name].where, ROOT)
    windows = {"mode": "slide", "crop_size": (97, 97), "stride": (65, 65)}
    steps = [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (161, 81), "keep_ratio": True},
        {"type": "PackSegInputs"},
    ]
    model = SMALL[name] | {"test_cfg": (windows if ASKED[name].window else {"mode": "whole"}) | {"_delete_": True}}
    path = folder / "config.py"
    path.write_text(
        f"_base_ = {str(file)!r}\nmodel = {model!r}\ntest_pipeline = {steps!r}\n"
        "test_dataloader = dict(dataset=dict(pipeline=test_pipeline))\n"
    )
    return path


@pytest.mark.zoo
@pytest.mark.parametrize("name", ASKED)
def test_each_network_of_mmsegmentation_gives_what_the_library_gives_in_a_small_size(name: str, tmp_path: Path) -> None:
    from helpers.mmseg_networks import own_logits, random_network, save_old

    from reliseg.kernels.reference import full_logits

    config = _small_configuration(tmp_path, name)
    network = random_network(config)
    save_old(tmp_path / "net.pth", network)
    section = MODELS[name].model_copy(update={"where": str(config), "weights": str(tmp_path / "net.pth")})
    model = model_loader(section, ROOT, parse_settings({"threads": 1})).load()
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    [prediction] = model.predict([Input("day/0", image.shape[:2], image)])
    assert model.resizes
    theirs = own_logits(config, network, image)
    whole = full_logits(prediction.view(), prediction.columns)[: len(prediction.logits)]
    np.testing.assert_allclose(whole.reshape(theirs.shape), theirs, atol=1e-4, rtol=1e-5)


def test_each_network_of_masks_runs_in_a_small_size(tmp_path: Path) -> None:
    """A checkpoint as detectron2 saves it, in the place of the published one, in the words of the page."""
    networks = pytest.importorskip("helpers.detectron2_networks")
    small = {
        "mask2former": networks.mask2former(networks.small_swin(), classes=19),
        "maskformer": networks.maskformer(networks.small_resnet(), classes=19),
    }
    for name, network in small.items():
        networks.save_pickle(tmp_path / f"{name}.pkl", networks.detectron2_tensors(network))
        section = MODELS[name].model_copy(update={"where": str(tmp_path / f"{name}.pkl")})
        model = model_loader(section, ROOT, parse_settings({"threads": 1})).load()
        image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
        [prediction] = model.predict([Input("day/0", image.shape[:2], image)])
        assert prediction.size == (64, 128)
        assert model.gives_probabilities
        assert model.resizes
