"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.errors import ModelError, error_text
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.image_predictor import ImageModel, ImagePredictor
from reliseg.models.libraries.model import imports_for


@dataclass(frozen=True, eq=False)
class HuggingFaceModel(ImageModel):
    """A Hugging Face hub id or a local folder (SegFormer, UPerNet, ..).

    Logits are at the head's stride. Mean, deviation and scale come from its image processor. Images keep their size
    unless the network takes one alone, or `resize` says `processor` or a size. `args` may hold `revision`, and
    `trust_remote_code`, without which no code of a model is run.
    """

    requires: ClassVar[Requires | None] = Requires("hf", ("torch", "transformers"))
    knows_outputs: bool = True
    """Whether it is known what its outputs cover: what the network saw. Of a model with code of its own it is not."""

    @classmethod
    def load(cls, options: ModelOptions) -> "HuggingFaceModel":
        """Read configuration, processor and weights; nothing is run but what `trust_remote_code` names."""
        options.refuse(["output"], "does not apply to hf models; leave it out")
        with imports_for(options.name, "hf", ("torch", "torchvision", "transformers")):
            from reliseg.models.hf import bare, loading
            from reliseg.runtime import torch_settings
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        loaded = loading.load(options)
        inference = bare.inference_of(loaded, options)
        run = bare.bare_network(loaded, options, device, inference.pad)
        facts = {
            "kind": "hf",
            "where": options.where,
            "labels": loaded.labels.name,
            "align_corners": bool(options.align_corners),
            "values": options.values or "logits",
            **loaded.facts,
            **inference.facts(),
            **({"masks": loaded.order} if loaded.order else {}),
            **({"feature": options.feature} if options.feature else {}),
            **torch_settings.describe_settings(device, options.threads, options.precision),
        }
        predictor = ImagePredictor(
            name=options.name,
            labels=loaded.labels,
            run=run,
            describe_error=error_text,
            align_corners=options.align_corners,
            values=options.values,
            inference=inference,
            run_with_dropout=run.with_dropout,
            network=run,
            of_masks=loaded.order is not None,
        )
        return cls(
            loaded.labels,
            predictor,
            facts,
            remarks=lambda: [*loaded.runner.notes(), *loaded.remarks],
            knows_outputs=not loaded.has_own_code,
        )

    @property
    def told_by_files(self) -> bool:
        """Tell if it has no code of its own, which may read what it likes."""
        return self.knows_outputs

    def notes(self) -> list[str]:
        """Return what a user should know of its outputs, unless that is known, its classes, sizes and code."""
        return self.remarks() if self.knows_outputs else super().notes()
