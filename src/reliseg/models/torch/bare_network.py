"""A torch module and the options of a model -> a bare network: images in, predictions at native stride out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import nn

from reliseg.errors import ModelError
from reliseg.models.base import WITHOUT_MASKS, ModelOptions
from reliseg.models.checkpoints.loading import LoadedWeights, load_weights
from reliseg.models.class_names import order_problem, unshared_note
from reliseg.models.image_predictor import TRIAL_SIZES
from reliseg.models.inference.normalisation import checked
from reliseg.models.outputs import OutputReader
from reliseg.models.torch import modules
from reliseg.models.torch.features import Tap, trial_call
from reliseg.models.torch.network import Network, Output
from reliseg.models.torch.normalisation import Normalisation
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.runtime import torch_settings
from reliseg.types import Image

Run: TypeAlias = Callable[[Sequence[Image]], list[Prediction]]


@dataclass(frozen=True, eq=False)
class BareNetwork:
    """How images are predicted, what a result must say of it, and what its layers and its errors suggest."""

    run: Run
    facts: dict[str, Any]
    reader: OutputReader
    notes: Callable[[], list[str]]
    run_with_dropout: Callable[[Sequence[Image], int], list[Prediction]] | None
    hint: Callable[[BaseException], str]


def bare_network(
    module: nn.Module,
    options: ModelOptions,
    loaded: LoadedWeights | None = None,
    normalisation: Normalisation | None = None,
) -> BareNetwork:
    """Return the network of a module whose forward takes normalised images, N x 3 x H x W, and gives logits.

    `loaded` is what was read of its weights. `normalisation` holds where the options name no mean or deviation; left
    out, it is ImageNet's. A ModelError says which option does not fit the module.
    """
    options.refuse(["masks"], WITHOUT_MASKS)
    device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
    default = normalisation or Normalisation()
    own = replace(default, mean=options.mean or default.mean, std=options.std or default.std)
    preparation = checked(own, options.name)
    modules.prepare(module, device)
    tap = _tap(module, options, device)
    facts = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "feature": tap.layer if tap else None,
        "normalisation": asdict(preparation),
        "weights": loaded.place if loaded else None,
        **torch_settings.describe_settings(device, options.threads, options.precision),
    }
    reader = OutputReader(len(options.require_labels()), ndim=4, choice=options.output)

    def forward(pixels: torch.Tensor) -> Output:
        modules.leave_training(module)
        output, feature = tap(pixels) if tap else (module(pixels), None)
        return reader(output), feature

    remarks = [*_class_notes(loaded.classes, options), *loaded.notes()] if loaded else []
    pad = options.pad.to_multiple if options.pad else 1
    run = Network(forward, preparation, device, options.threads, options.precision, pad, module=module)
    return BareNetwork(
        run=run,
        facts=facts,
        reader=reader,
        run_with_dropout=run.with_dropout,
        notes=lambda: [*remarks, *modules.training_notes(module)],
        hint=partial(modules.precision_hint, module),
    )


def load_named_weights(module: nn.Module, options: ModelOptions) -> LoadedWeights | None:
    """Load the weights that the options name into the module; None if they name none."""
    file = options.weights_file()
    return load_weights(module, file, options.key) if file else None


def _class_notes(names: Sequence[str], options: ModelOptions) -> list[str]:
    """Return a line about classes that a checkpoint calls otherwise; a ModelError if one stands at another place."""
    labels = options.require_labels()
    problem = order_problem(names, labels)
    if problem:
        raise ModelError(f"model {options.name}: its checkpoint {problem}")
    note = unshared_note(names, labels)
    return [f"its checkpoint {note}"] if note else []


def _tap(module: nn.Module, options: ModelOptions, device: torch.device) -> Tap | None:
    """Return where the pooled feature comes from: the layer in the options, or the deepest feature map."""
    if options.feature is not None:
        return Tap.at_layer(module, options.feature)
    own = [options.resize] if isinstance(options.resize, tuple) else []  # the only size that some networks take
    for size in (*TRIAL_SIZES, *own):
        try:
            with stdout_as_stderr():
                return Tap.at_deepest_map(module, trial_call(module, device, size))
        except (Exception, SystemExit):  # the trial prediction that follows tells what is wrong with the module
            continue
    return None
