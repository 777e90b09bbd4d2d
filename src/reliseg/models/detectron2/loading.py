"""A checkpoint of detectron2 with all that was read for it: its network, its settings, and what it says of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from torch import Tensor

from reliseg.errors import ModelError, shortlist
from reliseg.labels import label_space
from reliseg.models.base import ModelOptions
from reliseg.models.checkpoints.loading import LoadedWeights
from reliseg.models.checkpoints.reader import read_checkpoint
from reliseg.models.checkpoints.shards import checkpoint_files
from reliseg.models.checkpoints.stand_ins import LeftOut
from reliseg.models.checkpoints.state_dicts import mapping_places, states_in
from reliseg.models.checkpoints.tensor_kinds import layout_problem
from reliseg.models.detectron2.architecture import Architecture, Swin, read_architecture
from reliseg.models.detectron2.network import build_network, left_out
from reliseg.models.detectron2.resnet import Layout
from reliseg.models.detectron2.settings import Settings, read_settings
from reliseg.models.detectron2.tensors import plain_name
from reliseg.models.file_hashes import hash_files
from reliseg.models.inference.normalisation import checked
from reliseg.models.output_check import class_count_problem
from reliseg.models.torch.network import Queries
from reliseg.models.torch.normalisation import Normalisation
from reliseg.runtime.printable import printable
from reliseg.types import Float

_CONFIGURATIONS = (".yaml", ".yml")
_KNOWN = ("sem_seg_head.predictor.class_embed.weight", "sem_seg_head.predictor.query_embed.weight")
"""Names that both networks have."""


@dataclass(frozen=True, eq=False)
class Runner:
    """A network: normalised images in, padded as it needs them; queries, their masks, and a feature out."""

    model: Any

    def queries(self, pixels: Float[Tensor, "n 3 H W"]) -> tuple[Queries, Float[Tensor, "n f"]]:
        """Return the queries with their masks, and the feature.

        The feature is the mean of the backbone's last map over its positions.
        """
        output = self.model(pixel_values=pixels)
        feature = output.encoder_last_hidden_state.mean(dim=(2, 3))
        return Queries(output.class_queries_logits, output.masks_queries_logits), feature


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network on the CPU, its settings, the normalisation of images, and what a result must say of it."""

    runner: Runner
    settings: Settings
    normalisation: Normalisation
    multiple: int
    """Height and width of the network's input are multiples of it."""
    weights: LoadedWeights
    facts: Mapping[str, Any]


def load(options: ModelOptions) -> Loaded:
    """Read a checkpoint, and the configuration if `where` names one; nothing of them is run."""
    labels = options.require_labels()
    config, file = _files(options)
    checkpoint = read_checkpoint(file)
    place, tensors = _state(file, checkpoint.content, options.key)
    try:
        network = read_architecture({plain_name(name): tuple(t.shape) for name, t in tensors.items()})
        problem = class_count_problem(network.classes, labels)
        if problem:
            raise ModelError(f"it {problem}")
        cityscapes = labels.classes == label_space("cityscapes").classes
        settings = read_settings(config, options.args, network, cityscapes=cityscapes)
        normalisation = _normalisation(options, settings, tensors)
        model = build_network(
            tensors,
            network,
            layout=_layout(settings),
            heads=settings.of("MODEL.MASK_FORMER.NHEADS"),
            pre_norm=settings.of("MODEL.MASK_FORMER.PRE_NORM"),
        )
    except ModelError as error:
        raise ModelError(f"model {options.name}: weights {file}: {error}") from error
    facts = {
        "class": type(model).__name__,
        "parameters": sum(p.numel() for p in model.parameters()),
        "transformers": transformers.__version__,
        "weights": place,
        "settings": dict(settings.values),
        "left_out": len(left_out(tensors)),
        "files": hash_files([*checkpoint_files(file), *settings.files]),
    }
    loaded = LoadedWeights(place, left_out=checkpoint.left_out)
    return Loaded(Runner(model), settings, normalisation, _multiple(settings, network), loaded, facts)


def _files(options: ModelOptions) -> tuple[Path | None, Path]:
    """Return the configuration, if `where` names one, and the checkpoint; a ModelError if it is not clear which."""
    where, weights = options.folder / Path(options.where).expanduser(), options.weights
    if where.suffix.lower() in _CONFIGURATIONS:
        if weights is None:
            raise ModelError(f"model {options.name}: where names a configuration; give weights, the checkpoint's file")
        return where, options.folder / weights
    if weights is not None:
        raise ModelError(
            f"model {options.name}: weights and where name two files; where is the checkpoint, or the .yaml file of "
            "its configuration"
        )
    return None, where


def _state(file: Path, content: Any, key: str | None) -> tuple[str, dict[str, Tensor]]:
    """Return where a checkpoint has the network, and its tensors; a ModelError where none or several could be meant."""
    if not isinstance(content, Mapping) or not mapping_places(content):
        raise ModelError(f"weights {file}: it holds no tensors by name; give a checkpoint that detectron2 wrote")
    states = [state for state in states_in(content, _KNOWN) if all(name in state.tensors for name in _KNOWN)]
    if key is not None:
        states = [state for state in states if state.is_at(key)]
    if not states:
        at = "" if key is None else f" at key {key!r}"
        raise ModelError(
            f"weights {file}: it holds no Mask2Former or MaskFormer of detectron2{at}: no tensor {_KNOWN[0]}; a "
            "checkpoint of transformers is a model of kind hf, one of mmsegmentation of kind mmseg"
        )
    if len(states) > 1:
        places = shortlist([printable(state.place) for state in states], 8)
        raise ModelError(f"weights {file}: several networks: {places}; say which with key")
    tensors = {}
    for name, tensor in states[0].tensors.items():
        problem = tensor.kind if isinstance(tensor, LeftOut) else layout_problem(tensor)
        if isinstance(tensor, LeftOut) or problem:
            raise ModelError(f"weights {file}: {printable(name)} is {problem}; save the weights as plain tensors")
        tensors[name] = tensor
    return states[0].place, tensors


def _multiple(settings: Settings, network: Architecture) -> int:
    """Return what images are padded to multiples of; left to the backbone, nothing is padded for a ResNet."""
    stated: int = settings.of("MODEL.MASK_FORMER.SIZE_DIVISIBILITY")
    return max(1, stated) if stated >= 0 else 32 if isinstance(network.backbone, Swin) else 1


def _layout(settings: Settings) -> Layout:
    return Layout(
        res5_multi_grid=settings.of("MODEL.RESNETS.RES5_MULTI_GRID"),
        res4_dilation=settings.of("MODEL.RESNETS.RES4_DILATION"),
        res5_dilation=settings.of("MODEL.RESNETS.RES5_DILATION"),
        stride_in_1x1=settings.of("MODEL.RESNETS.STRIDE_IN_1X1"),
    )


def _normalisation(options: ModelOptions, settings: Settings, tensors: Mapping[str, Any]) -> Normalisation:
    """Return the normalisation of 8-bit images; a ModelError where the checkpoint holds another one."""
    mean, std = settings.of("MODEL.PIXEL_MEAN"), settings.of("MODEL.PIXEL_STD")
    for name, option, stated in (("pixel_mean", options.mean, mean), ("pixel_std", options.std, std)):
        own = tensors[name].flatten().tolist() if name in tensors else stated
        if option is None and (len(own) != 3 or not np.allclose(own, stated, rtol=1e-4)):
            raise ModelError(
                f"its {name} is {[round(v, 3) for v in own[:3]]}, and its settings say {list(stated)}; set mean and "
                "std, for pixels from 0 to 255"
            )
    if options.mean is not None and 0 < max(map(abs, options.mean)) <= 1:
        raise ModelError(f"mean is {list(options.mean)}; give it for pixels from 0 to 255, and std too")
    bgr = settings.of("INPUT.FORMAT") == "BGR"
    return checked(Normalisation(options.mean or mean, options.std or std, divisor=1.0, bgr=bgr), options.name)
