"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import is_zipfile

from reliseg.errors import MissingExtraError, ModelError, UsageError, error_text, suggestion
from reliseg.labels import LabelSpace, label_space, label_space_names
from reliseg.models.base import Input, Model, ModelOptions, Requires
from reliseg.models.class_names import order_problem, plain_class_name, unshared_note
from reliseg.models.file_hashes import hash_files
from reliseg.models.image_predictor import ImagePredictor, Resizing
from reliseg.models.output_check import class_count_problem
from reliseg.models.resizing import BILINEAR
from reliseg.prediction import Prediction

if TYPE_CHECKING:
    from reliseg.models.torch.processor import Processor

_REST = ("background", "other", "others", "void", "unlabeled", "unlabelled", "ignore", "unknown", "none")
"""What the class of id 0 is called where it stands for all that has no class."""


@dataclass(frozen=True, eq=False)
class HuggingFaceModel(Model):
    """A Hugging Face hub id or a local folder (SegFormer, UPerNet, ..).

    Logits are at the head's stride; code from the hub is never run.

    Mean, deviation and scale come from its image processor; images keep their size unless `resize` says
    `processor` or a size. `args` may hold `revision`.
    """

    requires: ClassVar[Requires | None] = Requires("hf", ("torch", "transformers"))
    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]
    remarks: tuple[str, ...] = ()
    """What a user should know of its classes."""

    @classmethod
    def load(cls, options: ModelOptions) -> "HuggingFaceModel":
        """Read configuration, processor and weights; nothing is run."""
        if options.output is not None:
            raise ModelError(f"model {options.name}: output applies only to python models; leave it out")
        own_weights = options.weights_file()
        try:
            from reliseg.models.torch import network, processor, transformers, weight_files, weights
            from reliseg.runtime import torch_settings
        except Exception as error:
            raise _import_error(options.name, error) from error
        revision = _revision(options)
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        with transformers.silence(), torch_settings.inference_settings(options.threads):
            where = transformers.find_model(options.name, options.where, options.folder)
            config = transformers.read_config(options.name, where, revision)
            stored = processor.read_processor(options.name, where, revision)
            labels, remarks = _labels(options, config, reduced=stored.reduces_labels)
            preparation = _with_options(stored, options)
            model = transformers.read_model(options.name, where, revision)
            files = transformers.model_files(where, revision)
            for file in (f for f in files if is_zipfile(f)):  # torch does not look at the checksums
                weight_files.check_archive(file)
        place = None
        if own_weights:
            place = weights.load_weights(model, own_weights, options.key).place
            files.append(own_weights)
        predict = network.Network(
            partial(transformers.forward_native, model.to(device)),
            preparation.normalisation,
            device,
            options.threads,
            options.precision,
        )

        facts = {
            "kind": "hf",
            "where": options.where,
            "labels": labels.name,
            "processor": asdict(preparation),
            "weights": place,
            "align_corners": bool(options.align_corners),
            "values": options.values or "logits",
            **transformers.facts(model, files),
            **torch_settings.describe_settings(device, options.threads, options.precision),
            "files": hash_files(files),
        }
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=predict,
            describe_error=error_text,
            align_corners=options.align_corners,
            values=options.values,
            resizing=Resizing(preparation.size, preparation.resample) if preparation.size else None,
        )
        return cls(labels, predictor, facts, remarks)

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        return self.predictor(inputs)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its options say so."""
        return self.predictor.values == "probabilities"

    def notes(self) -> list[str]:
        """Return what is suspicious in its outputs, and classes that it calls otherwise."""
        return [*self.predictor.notes(), *self.remarks]

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


def _revision(options: ModelOptions) -> str | None:
    unknown = [key for key in options.args if key != "revision"]
    if unknown:
        raise ModelError(
            f"model {options.name}: unknown argument {unknown[0]!r}; {suggestion(unknown[0], ['revision'])}"
        )
    revision = options.args.get("revision")
    return None if revision is None else str(revision)


def _labels(options: ModelOptions, config: Any, *, reduced: bool) -> tuple[LabelSpace, tuple[str, ...]]:
    """Return the label space of the options, or the shipped one with the names of the model's configuration.

    With it comes what a user should know of the classes.
    """
    names = _class_names(options, config)
    labels = options.labels or (None if reduced else _shipped_space(names))
    if reduced and (labels is None or not _is_reduced(names, labels)):
        raise ModelError(
            f"model {options.name}: its image processor has do_reduce_labels, so in training id 0 was left out and "
            "id i became class i - 1; set labels to a .toml file with the classes in that order"
        )
    if labels is None:
        first = ", ".join(names[:4] + ["..."] * (len(names) > 4))
        raise ModelError(
            f"model {options.name}: its {len(names)} classes ({first}) are not those of a label space of reliseg "
            f"({', '.join(label_space_names())}); set labels to a .toml file with its classes"
        )
    problem = class_count_problem(config.num_labels, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    if reduced and _follows(names, labels):
        return labels, ()
    problem = order_problem(names, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    note = unshared_note(names, labels)
    return labels, (note,) if note else ()


def _class_names(options: ModelOptions, config: Any) -> list[str]:
    """Return the names in a model's configuration, in order; a ModelError where one is left out."""
    given = {str(index).strip(): str(name).strip() for index, name in dict(config.id2label).items()}
    missing = [str(i) for i in range(len(given)) if str(i) not in given]
    if missing:
        raise ModelError(
            f"model {options.name}: id2label of its configuration names {len(given)} classes, and none is number "
            f"{missing[0]}; number them 0 to {len(given) - 1}, as the outputs are"
        )
    return [given[str(i)] for i in range(len(given))]


def _is_reduced(names: list[str], labels: LabelSpace) -> bool:
    """Tell if a label space is one whose class 0 is id 1 of the masks that a model was trained with.

    That of a user who wrote it for the model is; one that ships, or that begins with a class for the rest, is not.
    """
    first = plain_class_name(labels.classes[0])
    ships = any(label_space(name).classes == labels.classes for name in label_space_names())
    return _follows(names, labels) or not (ships or first in _REST)


def _follows(names: list[str], labels: LabelSpace) -> bool:
    """Tell if the classes are the model's names from the second one on: they were written before ids were reduced."""
    own = [plain_class_name(name) for name in names]
    return len(own) > 2 and own[1:] == [plain_class_name(c) for c in labels.classes[: len(own) - 1]]


def _shipped_space(names: list[str]) -> LabelSpace | None:
    """Return the shipped label space with these names; of several, the one without absent classes."""
    own = [plain_class_name(name) for name in names]
    spaces = [label_space(name) for name in label_space_names()]
    fitting = [space for space in spaces if [plain_class_name(c) for c in space.classes] == own]
    return min(fitting, key=lambda space: len(space.absent), default=None)


def _with_options(processor: "Processor", options: ModelOptions) -> "Processor":
    """Return the processor with the options' mean, deviation and size; by default an image keeps its own size."""
    from reliseg.models.torch.normalisation import checked

    normalisation = replace(
        processor.normalisation,
        mean=options.mean or processor.normalisation.mean,
        std=options.std or processor.normalisation.std,
    )
    processor = replace(processor, normalisation=checked(normalisation, options.name))
    if options.resize is None:
        return replace(processor, size=None, unsupported=None)
    if not isinstance(options.resize, str):
        return replace(processor, size=options.resize, resample=BILINEAR, unsupported=None)
    if options.resize != "processor":
        raise ModelError(f"model {options.name}: resize is {options.resize!r}; write processor or [h, w]")
    if processor.unsupported or processor.size is None:
        reason = f"sets {processor.unsupported}" if processor.unsupported else "sets no size"
        raise ModelError(f"model {options.name}: its image processor {reason}; write resize: [h, w]")
    return processor
