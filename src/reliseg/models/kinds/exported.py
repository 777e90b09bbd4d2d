"""Networks that were saved as programs of torch: by torch.export, or as TorchScript."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reliseg.errors import ModelError, error_text
from reliseg.models.base import ModelOptions, Requires
from reliseg.models.file_hashes import hash_files
from reliseg.models.graphs.model import GraphModel, Stretching
from reliseg.models.graphs.taken_images import own_inference
from reliseg.models.image_predictor import ImagePredictor, check_on_gray
from reliseg.models.libraries.model import imports_for


@dataclass(frozen=True, eq=False)
class ExportedModel(GraphModel):
    """A network saved by torch.export or as TorchScript: FILE.pt2 or FILE.pt. It is a program: load what you trust.

    It takes normalised images, N x 3 x H x W. Where it takes one size only, images are brought to it. It gives no
    feature: its layers cannot be looked into.
    """

    requires: ClassVar[Requires | None] = Requires("torch", ("torch",))

    @classmethod
    def load(cls, options: ModelOptions) -> "ExportedModel":
        """Load the program, and predict a small image."""
        labels = options.require_labels()
        _check_options(options)
        with imports_for(options.name, "torch", ("torch",)):
            from reliseg.models.torch import bare_network, programs
            from reliseg.runtime import torch_settings
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
            network=network.run,
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
        return cls(labels, predictor, facts, network.notes, Stretching.of(options, images, predictor))


def _check_options(options: ModelOptions) -> None:
    """Raise a ModelError for what a program cannot have."""
    options.refuse(["weights", "key"], "applies to networks in Python code; a program has its own weights")
    options.refuse(["feature"], "names a layer, and a program's cannot be looked into; leave it out")
    if options.args:
        raise ModelError(f"model {options.name}: unknown argument {next(iter(options.args))!r}; a program takes none")
