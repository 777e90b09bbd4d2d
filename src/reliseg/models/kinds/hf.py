"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from reliseg.errors import MissingExtraError, ModelError, UsageError, error_text
from reliseg.labels import LabelSpace
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.image_predictor import ImageModel, ImagePredictor


@dataclass(frozen=True, eq=False)
class HuggingFaceModel(ImageModel):
    """A Hugging Face hub id or a local folder (SegFormer, UPerNet, ..).

    Logits are at the head's stride. Mean, deviation and scale come from its image processor. Images keep their size
    unless the network takes one alone, or `resize` says `processor` or a size. `args` may hold `revision`, and
    `trust_remote_code`, without which no code of a model is run.
    """

    requires: ClassVar[Requires | None] = Requires("hf", ("torch", "transformers"))
    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]
    remarks: tuple[str, ...]
    """What a user should know of its classes, its sizes and its code."""
    observed: Callable[[], list[str]]
    """What a user should know of the images so far, and of the outputs for them."""

    @classmethod
    def load(cls, options: ModelOptions) -> "HuggingFaceModel":
        """Read configuration, processor and weights; nothing is run but what `trust_remote_code` names."""
        if options.output is not None:
            raise ModelError(f"model {options.name}: output applies only to python models; leave it out")
        try:
            from reliseg.models.hf import bare, loading
            from reliseg.runtime import torch_settings
        except Exception as error:
            raise _import_error(options.name, error) from error
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
            of_masks=loaded.order is not None,
        )
        return cls(
            loaded.labels,
            predictor,
            facts,
            loaded.remarks,
            predictor.notes if loaded.has_own_code else loaded.runner.notes,
        )

    def notes(self) -> list[str]:
        """Return what is suspicious in its outputs, and what a user should know of its classes, sizes and code."""
        return [*self.observed(), *self.remarks]

    def provenance(self) -> dict[str, Any]:
        """Return files with their hashes, the hub's commit, preprocessing and settings."""
        return self.facts


def _import_error(model: str, error: Exception) -> UsageError:
    """Return what is said of packages that are not there, or that do not fit one another: by the first cause."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return MissingExtraError(error.name, "hf", f"model {model}")
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return ModelError(
        f"model {model}: transformers cannot be imported ({error_text(cause)}); install versions of torch, "
        "torchvision and transformers that fit each other, or uninstall torchvision"
    )
