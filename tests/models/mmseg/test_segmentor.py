"""Networks of mmsegmentation as modules: their own logits, at the stride of their heads; and what cannot be one."""

import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.mmseg_networks import FAMILIES, random_network, write_configuration

from reliseg.errors import ModelError
from reliseg.models.mmseg.configurations import read_configuration

pytestmark = pytest.mark.zoo
STRIDES = {"setr-pup": 1, "segmenter": 16, "pidnet": 8, "segnext": 8, "ocrnet": 8, "danet": 8}
"""Of the logits that heads give; of all others it is 4."""


def segmentor(folder: Path, content: dict[str, Any] | None = None) -> Any:
    from reliseg.models.mmseg.library import import_library
    from reliseg.models.mmseg.segmentor import build_segmentor

    import_library()
    return build_segmentor("net", content or read_configuration("net", "config.py", folder, {}).content)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_the_library_before_it_brings_them_to_the_input(tmp_path, family):
    import torch
    from torch.nn.functional import interpolate

    config = write_configuration(tmp_path, FAMILIES[family], scale=None)
    network = random_network(config)
    ours = segmentor(tmp_path)
    state = network.state_dict()
    assert {name.partition(".")[0] for name in set(state) - set(ours.state_dict())} <= {"auxiliary_head"}
    ours.load_state_dict({name: state[name] for name in ours.state_dict()})
    pixels = torch.randn(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        native = ours(pixels)
        torch.manual_seed(0)
        own = network.encode_decode(pixels, [{"img_shape": pixels.shape[2:]}])
    assert native.shape == (1, 19, 96 // STRIDES.get(family, 4), 128 // STRIDES.get(family, 4))
    assert own.std() > 0.5
    whole = interpolate(native, (96, 128), mode="bilinear", align_corners=ours.align_corners)
    torch.testing.assert_close(whole, own, atol=1e-5, rtol=1e-5)
    assert ours.align_corners == network.align_corners
    assert not ours.training


def test_a_head_that_draws_numbers_gives_the_same_again_alone_and_in_a_batch(tmp_path):
    import torch

    write_configuration(tmp_path, FAMILIES["segnext"], scale=None)
    torch.manual_seed(3)
    ours = segmentor(tmp_path)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        first = ours(pixels)
        before = torch.get_rng_state()
        assert torch.equal(ours(pixels), first)
        torch.testing.assert_close(ours(pixels[1:]), first[1:], atol=1e-5, rtol=1e-5)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_downloaded_and_synchronised_normalisation_is_that_of_one_device(tmp_path, monkeypatch):
    import torch

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a download")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    for family in ("upernet-bit", "deeplabv3plus"):
        write_configuration(tmp_path, FAMILIES[family])
        ours = segmentor(tmp_path)
        assert not any(isinstance(layer, torch.nn.SyncBatchNorm) for layer in ours.modules())


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ({"type": "NoSuchNetwork"}, "the network cannot be built: KeyError: 'NoSuchNetwork is not in the mmseg::model"),
        ({"type": "EncoderDecoder", "backbone": {"type": "ResNet"}}, "the network cannot be built: TypeError: "),
        (
            {"type": "EncoderDecoder", "decode_head": {"type": "Mask2FormerHead"}},
            "Mask2FormerHead needs compiled operators of mmcv; bring such a network by kind: detectron2",
        ),
        ({"type": "DepthEstimator"}, "a DepthEstimator gives no logits of pixels; give an EncoderDecoder"),
        ({"type": "ResNet", "depth": 18}, "a ResNet is no EncoderDecoder of mmsegmentation"),
    ],
)
def test_what_is_no_network_with_logits_is_refused_in_one_line(tmp_path, model, problem):
    with pytest.raises(ModelError) as error:
        segmentor(tmp_path, {"model": model})
    assert str(error.value).startswith(f"model net: {problem}")
    assert "\n" not in str(error.value)


def test_a_package_that_a_configuration_imports_and_that_is_not_there_is_one_line(tmp_path):
    content = {"custom_imports": {"imports": "no_such_package"}, "model": {"type": "EncoderDecoder"}}
    with pytest.raises(ModelError, match=r"^model net: the network cannot be built: ImportError: .*no_such_package"):
        segmentor(tmp_path, content)


def test_one_channel_for_two_classes_is_refused(tmp_path):
    binary = {"num_classes": 2, "out_channels": 1, "threshold": 0.5}
    write_configuration(tmp_path, FAMILIES["segformer"])
    content = read_configuration("net", "config.py", tmp_path, {}).content
    content["model"]["decode_head"] |= binary
    with pytest.raises(ModelError, match=r"^model net: its head gives one channel for two classes, and a threshold; "):
        segmentor(tmp_path, content)


OWN_HEAD = """
import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS


@MODELS.register_module(force=True)
class ShoutingHead(BaseDecodeHead):
    def forward(self, inputs):
        return self.cls_seg(self._transform_inputs(inputs))

    def predict_by_feat(self, logits, metas):
        return 2 * super().predict_by_feat(logits, metas)
"""


def test_a_head_of_a_users_own_predicts_as_it_does_in_the_library_and_its_file_is_known(tmp_path, monkeypatch):
    import torch

    from reliseg.models.mmseg.segmentor import own_code

    (tmp_path / "shouting.py").write_text(OWN_HEAD)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = write_configuration(tmp_path, FAMILIES["segformer"]).read_text()
    head = {"_delete_": True, "type": "ShoutingHead", "in_channels": 128, "channels": 128, "num_classes": 19}
    text = text.replace("test_pipeline", f"model['decode_head'] = {head!r}\ntest_pipeline", 1)
    (tmp_path / "config.py").write_text(f"custom_imports = dict(imports='shouting')\n{text}")
    try:
        ours = segmentor(tmp_path)
        with torch.inference_mode():
            logits = ours(torch.randn(1, 3, 64, 96))
        assert logits.shape == (1, 19, 64, 96)
        assert own_code(ours) == [tmp_path / "shouting.py"]
    finally:
        sys.modules.pop("shouting", None)


def test_layers_of_packages_are_no_code_of_the_user(tmp_path):
    from reliseg.models.mmseg.segmentor import own_code

    write_configuration(tmp_path, FAMILIES["upernet-convnext"])
    assert own_code(segmentor(tmp_path)) == []
