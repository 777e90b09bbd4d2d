"""Mask2Former and MaskFormer of detectron2, from their checkpoints."""

from dataclasses import asdict, dataclass
from typing import ClassVar

from reliseg.errors import ModelError, error_text
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.image_predictor import ImagePredictor
from reliseg.models.inference.modes import Inference
from reliseg.models.libraries.model import LibraryModel, imports_for
from reliseg.models.options import FitWithin

_NOT_HERE = ("output", "feature", "values", "align_corners")


@dataclass(frozen=True, eq=False)
class Detectron2Model(LibraryModel):
    """A checkpoint of detectron2's Mask2Former or MaskFormer (.pkl, .pth); detectron2 is not needed.

    What the network is stands in its tensors. The size of images, their normalisation, and where masks become
    probabilities are as in the configuration, if `where` names one, or in those of the published Cityscapes models.
    """

    requires: ClassVar[Requires | None] = Requires("hf", ("torch", "transformers"))

    @classmethod
    def load(cls, options: ModelOptions) -> "Detectron2Model":
        """Read the checkpoint and the configuration; nothing of them is run, and no image is predicted yet."""
        options.refuse(_NOT_HERE, "does not apply to detectron2 models; leave it out")
        labels = options.require_labels()
        with imports_for(options.name, "hf", ("torch", "torchvision", "transformers")):
            from reliseg.models.detectron2 import loading
            from reliseg.models.hf import library
            from reliseg.models.torch.network import Network
            from reliseg.runtime import torch_settings
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        with library.silence(), torch_settings.inference_settings(options.threads):
            loaded = loading.load(options)
        loaded.runner.model.to(device)
        settings = loaded.settings
        order = options.masks or settings.masks
        size = _usual_size(options, settings.shortest_edge)
        inference = Inference.of(options, size=size, pad=loaded.multiple)
        run = Network(
            loaded.runner.queries,
            loaded.normalisation,
            device,
            options.threads,
            options.precision,
            inference.pad,
            masks=(order, labels),
            module=loaded.runner.model,
        )
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=run,
            describe_error=error_text,
            align_corners=None,
            inference=inference,
            run_with_dropout=run.with_dropout,
            network=run,
            of_masks=True,
        )
        facts = {
            "kind": "detectron2",
            "where": options.where,
            "labels": labels.name,
            "resize": inference.resizing.fact(),
            "interpolation": "pillow",
            **inference.facts(),
            "masks": order,
            "normalisation": asdict(loaded.normalisation),
            **loaded.facts,
            **torch_settings.describe_settings(device, options.threads, options.precision),
        }
        return cls(labels, predictor, facts, loaded.weights.notes)


def _usual_size(options: ModelOptions, shortest_edge: dict[str, int] | None) -> FitWithin | None:
    """Return the rule by which images are resized if the options name none; None where they keep their size."""
    if options.resize is None and shortest_edge is None:
        raise ModelError(
            f"model {options.name}: no configuration says which size images are brought to; give where: CONFIG.yaml "
            "and weights: the checkpoint, or resize, for example {long: 2048, short: 1024}"
        )
    return FitWithin(**shortest_edge) if shortest_edge and shortest_edge["short"] else None
