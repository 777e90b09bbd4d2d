"""Networks that were saved as programs of torch: by torch.export, or as TorchScript."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reliseg.errors import MissingExtraError, ModelError, error_text
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.file_hashes import hash_files
from reliseg.models.graphs.model import GraphModel, Stretching
from reliseg.models.graphs.taken_images import own_inference
from reliseg.models.image_predictor import ImagePredictor, check_on_gray


@dataclass(frozen=True, eq=False)
class ExportedModel(GraphModel):
    """A network saved by torch.export or as TorchScript: FILE.pt2 or FILE.pt. It is a program: load what you trust.

    It takes normalised images, N x 3 x H x W. Where it takes one size only, images are brought to it. It gives no
    feature: its layers cannot be looked into.
    """

    requires: ClassVar[Requires | None] = Requires("torch", ("torch",))
    layer_notes: Callable[[], list[str]] = list

    @classmethod
    def load(cls, options: ModelOptions) -> "ExportedModel":
        """Load the program, and predict a small image."""
        labels = options.require_labels()
        _check_options(options)
        try:
            from reliseg.models.torch import bare_network, programs
            from reliseg.runtime import torch_settings
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "reliseg":
                raise
            raise MissingExtraError(error.name, "torch", f"model {options.name}") from error
        path = options.folder / Path(options.where).expanduser()
        form = programs.program_form(options.name, path)
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        module, images = programs.load_program(options.name, path, form, device)
        network = bare_network.bare_network(module, options)
        inference = own_inference(options, images)
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=images.adapted(network.run, inference),
            describe_error=lambda error: error_text(error) + network.hint(error),
            align_corners=options.align_corners,
            values=options.values,
            inference=inference,
        )
        check_on_gray(predictor)
        facts = inference.facts() | {
            "kind": "exported",
            "where": options.where,
            "program": form,
            "labels": labels.name,
            "values": options.values or "logits",
            "resize": inference.resizing.fact(),
            "align_corners": options.align_corners,
            **network.facts,
            "output": network.reader.taken,
            "files": hash_files([path]),
        }
        return cls(labels, predictor, facts, Stretching.of(options, images, predictor), network.notes)

    def notes(self) -> list[str]:
        """Return what a user should know of its outputs, and of layers that are in training mode."""
        return [*super().notes(), *self.layer_notes()]


def _check_options(options: ModelOptions) -> None:
    """Raise a ModelError for what a program cannot have."""
    for key in ("weights", "key"):
        if getattr(options, key) is not None:
            raise ModelError(
                f"model {options.name}: {key} applies to networks in Python code; a program has its own weights"
            )
    if options.feature is not None:
        raise ModelError(
            f"model {options.name}: feature names a layer, and a program's cannot be looked into; leave it out"
        )
    if options.args:
        raise ModelError(f"model {options.name}: unknown argument {next(iter(options.args))!r}; a program takes none")
