"""Models that a function of the user gives: a torch module, or any callable."""

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from reliseg.errors import ModelError, shape_text
from reliseg.models.base import WITHOUT_MASKS, ModelOptions
from reliseg.models.checkpoints.shards import checkpoint_files
from reliseg.models.file_hashes import hash_files, own_files, recorded_files
from reliseg.models.image_predictor import ImageModel, ImagePredictor, check_on_gray
from reliseg.models.inference.modes import Inference
from reliseg.models.outputs import OutputReader
from reliseg.models.user_code.calls import Origin, call_function
from reliseg.prediction import Prediction
from reliseg.types import Feature, Image, Logits

Run: TypeAlias = Callable[[Sequence[Image]], list[Prediction]]


@dataclass(frozen=True, eq=False)
class PythonModel(ImageModel):
    """Your function that returns a torch module or any callable: FILE.py:FUNCTION.

    The function may also be named `package.module:FUNCTION`; it is called with `args`.

    A torch module takes normalised images (N x 3 x H x W) and gives logits: a tensor, or anything that holds one tensor
    with a channel for each class. Any other callable takes one 8-bit RGB image (H x W x 3) and gives logits
    (C x h x w) in the same ways, or a Prediction.
    """

    own: Any = None
    """The object, where it is the caller's: its weights may change between two evaluations."""

    @classmethod
    def load(cls, options: ModelOptions) -> "PythonModel":
        """Import, call, load the weights, and predict a small image."""
        options.require_labels()
        with recorded_files() as opened:
            made, origin = call_function(options.name, options.where, options.folder, options.args)
            instance = _module_of_program(made, options)

            def identity() -> dict[str, Any]:
                return _file_identity(instance, [*origin.files, *own_files(opened, origin.place)], options)

            return cls._of(instance, options, origin, identity)

    @classmethod
    def of(cls, instance: Any, options: ModelOptions) -> "PythonModel":
        """Return the model of an object in memory: a torch module, or a callable. `where` is only a name here."""
        origin, instance = Origin(where=options.where, place=Path.cwd()), _module_of_program(instance, options)
        return replace(cls._of(instance, options, origin, lambda: _object_identity(instance)), own=instance)

    @classmethod
    def _of(
        cls, instance: Any, options: ModelOptions, origin: Origin, identity: Callable[[], dict[str, Any]]
    ) -> "PythonModel":
        labels, inference = options.require_labels(), Inference.of(options)
        network = _network(instance, options)
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=network.run,
            describe_error=lambda error: origin.describe_error(error) + network.hint(error),
            align_corners=options.align_corners,
            values=options.values,
            inference=inference,
            run_with_dropout=network.run_with_dropout,
            network=network.in_torch,
        )
        check_on_gray(predictor)
        shown = {"resize": inference.resizing.fact(), **inference.facts()}
        facts = network.facts | shown | {"output": network.reader.taken}
        return cls(labels, predictor, facts | identity(), network.notes)

    @property
    def told_by_files(self) -> bool:
        """Tell that nobody knows: code may come from another place, and read what it likes."""
        return False

    def provenance(self) -> dict[str, Any]:
        """Return files with their hashes, preprocessing and settings."""
        return self.facts | _state_hash(self.own)


def _file_identity(instance: Any, files: Sequence[Path], options: ModelOptions) -> dict[str, Any]:
    """Return the hashes of the files that were read and of those that `args` name, and the hash of its tensors."""
    weights = options.weights_file()
    read = [*files, *(checkpoint_files(weights) if weights else []), *_named_files(options.args, options.folder)]
    return {"files": hash_files(read)} | _state_hash(instance)


def _named_files(value: Any, folder: Path) -> Iterator[Path]:
    """Yield the files that texts in arguments are the paths of, from here or a folder: functions may read them."""
    if isinstance(value, str):
        with suppress(OSError, ValueError):
            yield from dict.fromkeys(path for path in (folder / value, Path(value)) if path.is_file())
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _named_files(part, folder)


def _object_identity(instance: Any) -> dict[str, Any]:
    """Tell one object in memory from another: by the hash of a module's content, else by a new random number.

    A stopped evaluation goes on only with the same model, and nobody can know that of a plain callable.
    """
    with suppress(Exception):  # of what a module holds, and of what it is made
        if _is_module(instance):
            from reliseg.models.torch.module_content import content_sha256

            return {"content_sha256": content_sha256(instance)}
    return {"object": secrets.token_hex(8)}


def _state_hash(instance: Any) -> dict[str, Any]:
    """Hash a module's tensors: they may come from a file that only the user's function knows. {} if it has none."""
    if not hasattr(instance, "state_dict"):
        return {}
    from reliseg.models.torch.module_content import tensors_sha256

    return {"state_sha256": tensors_sha256(instance)}


def _module_of_program(made: Any, options: ModelOptions) -> Any:
    """Return the module of an exported program, or what else a function made."""
    export = sys.modules.get("torch.export")  # whoever has a program has imported it
    if export is None or not isinstance(made, export.ExportedProgram):
        return made
    from reliseg.models.torch.programs import exported_module
    from reliseg.runtime.torch_settings import select_device

    return exported_module(made, select_device(options.device, f"model {options.name}", ModelError))


def _is_module(instance: Any) -> bool:
    torch = sys.modules.get("torch")  # whoever has a module has imported torch
    return torch is not None and isinstance(instance, torch.nn.Module)


@dataclass(frozen=True, eq=False)
class _Network:
    """How images are predicted, what a result must say of it, and what its layers and its errors suggest."""

    run: Run
    facts: dict[str, Any]
    reader: OutputReader
    notes: Callable[[], list[str]] = list
    hint: Callable[[BaseException], str] = lambda error: ""
    run_with_dropout: Callable[[Sequence[Image], int], list[Prediction]] | None = None
    in_torch: object = None


_FOR_MODULES = ("weights", "key", "mean", "std", "pad", "mc_dropout", "feature", "precision")
"""Options that a plain callable cannot have."""


def _network(instance: Any, options: ModelOptions) -> _Network:
    """Return how images are predicted, and its part of the provenance."""
    facts: dict[str, Any] = {
        "kind": "python",
        "where": options.where,
        "args": dict(options.args),
        "class": type(instance).__name__,
        "labels": options.labels.name if options.labels else None,
        "values": options.values or "logits",
        "align_corners": options.align_corners,
    }
    if _is_module(instance):
        from reliseg.models.torch.bare_network import bare_network, load_named_weights
        from reliseg.models.torch.programs import taken_images

        network = bare_network(instance, options, load_named_weights(instance, options))
        return _Network(
            taken_images(instance).adapted(network.run, Inference.of(options)),
            facts | network.facts,
            network.reader,
            network.notes,
            network.hint,
            network.run_with_dropout,
            network.run,
        )
    if isinstance(instance, type):
        raise ModelError(
            f"model {options.name}: {options.where} is the class {instance.__name__}; give an object of it"
        )
    if not callable(instance):
        raise ModelError(
            f"model {options.name}: {options.where} returns a {type(instance).__name__}; "
            "it must return a torch.nn.Module or a callable"
        )
    why = f"applies only to torch modules, and {options.where} returns a plain callable; pass it in args"
    options.refuse(_FOR_MODULES, why)
    options.refuse(["masks"], WITHOUT_MASKS)
    reader = OutputReader(len(options.require_labels()), ndim=3, choice=options.output)

    def run(images: Sequence[Image]) -> list[Prediction]:
        return [_as_prediction(instance(image.copy()), image, reader) for image in images]

    return _Network(run, facts, reader)


def _as_prediction(output: Any, image: Image, reader: OutputReader) -> Prediction:
    """Turn what a callable gives for an image into a prediction of the image's size."""
    if isinstance(output, Prediction):
        return replace(
            output,
            logits=_floats(np.asarray(output.logits)),
            feature=_feature(output.feature),
            probabilities=copy(output.probabilities),
        )
    array = reader(np.asarray(output) if _is_stack(output) else output)
    if np.ma.is_masked(array):
        raise ModelError("gives an array with masked numbers; fill them, for example array.filled(-100)")
    if hasattr(array, "detach"):
        from reliseg.models.checkpoints.tensor_kinds import kind_problem

        problem = kind_problem(array)
        if problem:
            raise ModelError(f"gives {problem}; it must give floats, classes x height x width")
        array = array.detach().float().cpu().numpy()
    height, width = image.shape[:2]
    return Prediction(logits=_floats(np.asarray(array)), size=(height, width))


def _floats(array: "np.ndarray[Any, Any]") -> Logits:
    """Return a copy of one image's logits as float32; a ModelError if it is another kind of array.

    A callable may write the next image's into the same memory, while those of this one are counted.
    """
    if array.dtype.kind != "f" or array.ndim != 3:
        batch = "; leave out the batch dimension" if array.ndim == 4 and len(array) == 1 else ""
        raise ModelError(
            f"gives {array.dtype} of {shape_text(array.shape)}; it must give floats, classes x height x width{batch}"
        )
    return np.array(array, np.float32, order="C")


def _feature(feature: Any) -> Feature | None:
    """Return a feature as float32; a ModelError if it is no vector of finite numbers."""
    if feature is None:
        return None
    vector = np.asarray(feature)
    if vector.dtype.kind not in "fiu" or vector.ndim != 1 or not np.isfinite(vector).all():
        raise ModelError(
            f"gives a feature of {vector.dtype} of {shape_text(vector.shape)}; it must be one vector of finite numbers"
        )
    return vector.astype(np.float32)


def _is_stack(output: Any) -> bool:
    """Tell if an output is a list with an item of two dimensions for each class."""
    return isinstance(output, list | tuple) and all(
        isinstance(part, list) or getattr(part, "ndim", 0) == 2 for part in output
    )
