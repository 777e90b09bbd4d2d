"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import is_zipfile

from reliseg.errors import MissingExtraError, ModelError, UsageError, error_text, suggestion
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Model, ModelOptions, Requires
from reliseg.models.file_hashes import hash_files
from reliseg.models.hf import classes
from reliseg.models.image_predictor import ImagePredictor, Resizing
from reliseg.models.inference.resizing import BILINEAR
from reliseg.prediction import Prediction

if TYPE_CHECKING:
    from reliseg.models.hf.processor import Processor


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
            from reliseg.models.checkpoints import archives, loading, shards
            from reliseg.models.hf import library, processor
            from reliseg.models.torch import network
            from reliseg.runtime import torch_settings
        except Exception as error:
            raise _import_error(options.name, error) from error
        revision = _revision(options)
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        with library.silence(), torch_settings.inference_settings(options.threads):
            where = library.find_model(options.name, options.where, options.folder)
            config = library.read_config(options.name, where, revision)
            stored = processor.read_processor(options.name, where, revision)
            labels, remarks = classes.model_labels(options, config, reduced=stored.reduces_labels)
            preparation = _with_options(stored, options)
            model = library.read_model(options.name, where, revision)
            files = library.model_files(where, revision)
            for file in (f for f in files if is_zipfile(f)):  # torch does not look at the checksums
                archives.check_archive(file)
        place = None
        if own_weights:
            loaded = loading.load_weights(model, own_weights, options.key)
            place, remarks = loaded.place, (*remarks, *loaded.notes())
            files += shards.checkpoint_files(own_weights)
        predict = network.Network(
            partial(library.forward_native, model.to(device)),
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
            **library.facts(model, files),
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
    if isinstance(options.resize, tuple):
        return replace(processor, size=options.resize, resample=BILINEAR, unsupported=None)
    if options.resize != "processor":
        raise ModelError(f"model {options.name}: resize is {options.resize!r}; write processor or [h, w]")
    if processor.unsupported or processor.size is None:
        reason = f"sets {processor.unsupported}" if processor.unsupported else "sets no size"
        raise ModelError(f"model {options.name}: its image processor {reason}; write resize: [h, w]")
    return processor
