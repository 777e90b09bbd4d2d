"""A segmentor of mmsegmentation as a torch module: normalised images in, logits at the stride of its head out."""

import sys
import sysconfig
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, error_text
from reliseg.models.mmseg.configurations import import_packages
from reliseg.models.user_output import stdout_as_stderr
from reliseg.types import Float

_UNUSED = ("auxiliary_head", "data_preprocessor")
"""Parts of a segmentor that tests do not use."""
_SYNCHRONISED = ("SyncBN", "MMSyncBN", "SyncBatchNorm", "NaiveSyncBN")
_OF_MASKS = ("MaskFormerHead", "Mask2FormerHead")
_OTHERS = ("DepthEstimator", "MultimodalEncoderDecoder")
"""Models of mmsegmentation whose output is not logits of pixels."""
_DOWNLOADING = ("TIMMBackbone",)
"""Layers that fetch weights unless they are told not to."""
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_SEED = 0
"""Of what heads draw at random whenever they predict."""


class Segmentor(nn.Module):
    """The parts of a segmentor that predict, under their own names; `align_corners` is that of its head."""

    def __init__(self, segmentor: Any) -> None:
        super().__init__()
        for name, part in segmentor.named_children():
            if name not in _UNUSED:
                self.add_module(name, part)
        last = _last_head(segmentor)
        _leave_logits_native(last)
        _draw_once(segmentor)
        self.align_corners = bool(segmentor.align_corners)
        self.classes = int(segmentor.out_channels)
        self._encode_decode: Callable[..., Any] = segmentor.encode_decode
        self.eval()

    def forward(self, pixels: Float[Tensor, "n 3 H W"]) -> Any:
        """Return the logits before they are brought to the size of the input."""
        size = pixels.shape[2:]
        facts = {"img_shape": size, "ori_shape": size, "pad_shape": size, "padding_size": [0] * 4}
        return self._encode_decode(pixels, [dict(facts) for _ in pixels])


def build_segmentor(model: str, content: Mapping[str, Any]) -> Segmentor:
    """Return the network of a configuration, with the weights that its layers draw; nothing is downloaded.

    A ModelError says why it cannot be built, or predicts no logits of several classes.
    """
    given = content["model"]
    _check_type(model, given)
    try:
        with stdout_as_stderr(), warnings.catch_warnings(action="ignore"):
            import mmseg.models
            from mmengine.config import ConfigDict
            from mmseg.registry import MODELS

            import_packages(content)
            with MODELS.switch_scope_and_registry("mmseg"):
                segmentor = MODELS.build(ConfigDict(_for_tests(given)))
    except (Exception, SystemExit) as error:  # of mmsegmentation, and of layers that it does not know
        raise ModelError(f"model {model}: the network cannot be built: {error_text(error)}") from error
    if not isinstance(segmentor, mmseg.models.EncoderDecoder):
        raise ModelError(f"model {model}: a {type(segmentor).__name__} is no EncoderDecoder of mmsegmentation")
    network = Segmentor(segmentor)
    if network.classes < 2:
        raise ModelError(
            f"model {model}: its head gives one channel for two classes, and a threshold; only logits of each class "
            "can be evaluated"
        )
    return network


def own_code(network: nn.Module) -> list[Path]:
    """Return the files of layers that belong to no installed package."""
    modules = {type(layer).__module__ for layer in network.modules() if type(layer) is not Segmentor}
    files = {getattr(sys.modules.get(module), "__file__", None) for module in modules}
    return sorted(Path(file).resolve() for file in files if file and not file.startswith(_INSTALLED))


def _check_type(model: str, given: Mapping[str, Any]) -> None:
    heads = given.get("decode_head")
    kinds = [_name(head.get("type")) for head in (heads if isinstance(heads, list | tuple) else [heads]) if head]
    masks = [kind for kind in kinds if kind in _OF_MASKS]
    if masks:
        raise ModelError(
            f"model {model}: {masks[0]} needs compiled operators of mmcv; bring such a network by kind: detectron2 or "
            "hf, with a checkpoint of detectron2 or of transformers"
        )
    if _name(given.get("type")) in _OTHERS:
        raise ModelError(f"model {model}: a {_name(given['type'])} gives no logits of pixels; give an EncoderDecoder")


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2]


def _for_tests(part: Any) -> Any:
    """Return a part of a configuration without what only training needs, or what would be downloaded."""
    if isinstance(part, list | tuple):
        return type(part)(_for_tests(value) for value in part)
    if not isinstance(part, Mapping):
        return part
    kept = {k: _for_tests(v) for k, v in part.items() if k not in (*_UNUSED, "init_cfg", "pretrained", "train_cfg")}
    kind = _name(part.get("type"))
    if kind in _SYNCHRONISED:
        kept["type"] = "BN"
    if kind in _DOWNLOADING:
        kept |= {"pretrained": False, "checkpoint_path": ""}
    return kept


def _last_head(segmentor: Any) -> Any:
    heads = segmentor.decode_head
    return heads[-1] if isinstance(heads, nn.ModuleList) else heads


def _leave_logits_native(head: Any) -> None:
    """Let a head return its logits as they are, where it would only resize them to the input."""
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead

    if getattr(type(head), "predict_by_feat", None) is BaseDecodeHead.predict_by_feat:
        head.predict_by_feat = lambda logits, *_, **__: logits


def _draw_once(segmentor: nn.Module) -> None:
    """Let layers that start from random numbers in each pass draw them once, from a seed: results are repeatable."""
    layer: Any
    for layer in segmentor.modules():
        if getattr(layer, "rand_init", False) and hasattr(layer, "_build_bases"):
            layer.rand_init = False
            layer._build_bases = _seeded(layer._build_bases)


def _seeded(draw: Any) -> Callable[..., Any]:
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            return draw(*args, **kwargs)

    return drawn
