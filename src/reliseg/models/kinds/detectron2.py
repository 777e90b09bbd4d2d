"""Mask2Former and MaskFormer of detectron2, from their checkpoints."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar

from reliseg.errors import ModelError, error_text
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.image_predictor import ImagePredictor, Resizing, check_on_gray
from reliseg.models.libraries.model import LibraryModel, imports_for
from reliseg.models.options import FitWithin

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Detectron2Model(LibraryModel):
    """A checkpoint of detectron2's Mask2Former or MaskFormer (.pkl, .pth); detectron2 is not needed.

    What the network is stands in its tensors. The size of images, their normalisation, and where masks become
    probabilities are as in the configuration, if `where` names one, or in those of the published Cityscapes models.
    """

    requires: ClassVar[Requires | None] = Requires("hf", ("torch", "transformers"))

    @property
    def gives_probabilities(self) -> bool:
        """Tell that class maps are no logits."""
        return True

    @classmethod
    def load(cls, options: ModelOptions) -> "Detectron2Model":
        """Read the checkpoint and the configuration, and predict a gray image; nothing of the files is run."""
        _check_options(options)
        labels = options.require_labels()
        with imports_for(options.name, "hf", ("torch", "transformers")):
            from reliseg.models.detectron2 import loading
            from reliseg.models.hf import library
            from reliseg.models.torch.query_network import QueryNetwork
            from reliseg.runtime import torch_settings
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        with library.silence(), torch_settings.inference_settings(options.threads):
            loaded = loading.load(options)
        loaded.runner.model.to(device)
        settings = loaded.settings
        order = options.masks or settings.masks
        multiple = options.pad.to_multiple if options.pad else loaded.multiple
        size = _size(options, settings.shortest_edge)
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=QueryNetwork(
                forward=loaded.runner.queries,
                normalisation=loaded.normalisation,
                device=device,
                threads=options.threads,
                precision=options.precision,
                labels=labels,
                order=order,
                multiple=multiple,
            ),
            describe_error=error_text,
            align_corners=None,
            resizing=None if size is None else Resizing(size if isinstance(size, tuple) else fitting(size)),
        )
        check_on_gray(predictor)
        facts = {
            "kind": "detectron2",
            "where": options.where,
            "labels": labels.name,
            "resize": asdict(size) if isinstance(size, FitWithin) else size,
            "interpolation": "pillow",
            "pad": multiple,
            "masks": order,
            "normalisation": asdict(loaded.normalisation),
            **loaded.facts,
            **torch_settings.describe_settings(device, options.threads, options.precision),
        }
        return cls(labels, predictor, facts, loaded.weights.notes)


def fitting(within: FitWithin) -> Callable[[Size], Size]:
    """Return the rule of detectron2: the shorter side becomes `short`, unless the longer one would exceed `long`."""

    def rule(size: Size) -> Size:
        scale = min(within.short / min(size), within.long / max(size))
        return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)

    return rule


def _size(options: ModelOptions, shortest_edge: dict[str, int] | None) -> Size | FitWithin | None:
    """Return the size that images are brought to, or the rule; None where they keep their own."""
    if options.resize == "processor" or (options.resize is None and shortest_edge is None):
        raise ModelError(
            f"model {options.name}: no configuration says which size images are brought to; give where: CONFIG.yaml "
            "and weights: the checkpoint, or resize, for example {long: 2048, short: 1024}"
        )
    if options.resize is None and shortest_edge is not None:
        return FitWithin(**shortest_edge) if shortest_edge["short"] else None
    return None if isinstance(options.resize, str) else options.resize


def _check_options(options: ModelOptions) -> None:
    """Raise a ModelError for an option that has no meaning here."""
    given: dict[str, object] = {"output": options.output, "feature": options.feature, "values": options.values}
    given |= {"upsampling": options.align_corners, "slide": options.slide, "tta": options.tta}
    given |= {"mc_dropout": options.mc_dropout}
    given |= {"interpolation": options.interpolation} if options.interpolation != "pillow" else {}
    for name, value in given.items():
        if value is not None:
            raise ModelError(f"model {options.name}: {name} does not apply to detectron2 models; leave it out")
