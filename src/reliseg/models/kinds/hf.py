"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reliseg.errors import MissingExtraError, ModelError, one_line, suggestion
from reliseg.labels import LabelSpace, label_space, label_space_names
from reliseg.models.base import Input, Model, ModelOptions
from reliseg.models.file_hashes import hash_files
from reliseg.models.image_predictor import ImagePredictor
from reliseg.models.output_check import class_count_problem
from reliseg.models.resizing import BILINEAR, resize_image
from reliseg.prediction import Prediction
from reliseg.types import Image

if TYPE_CHECKING:
    from reliseg.models.torch.processor import Processor


@dataclass(frozen=True, eq=False)
class HuggingFaceModel(Model):
    """An `AutoModelForSemanticSegmentation`; logits at its head's stride, never code from the hub.

    Mean, deviation and scale come from its image processor; images keep their size unless `resize` says
    `processor` or a size. `args` may hold `revision`.
    """

    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]

    @classmethod
    def load(cls, options: ModelOptions) -> "HuggingFaceModel":
        """Read configuration, processor and weights; nothing is run."""
        try:
            from reliseg.models.torch import network, processor, transformers, weights
            from reliseg.runtime import torch_settings
        except ImportError as error:
            raise MissingExtraError(error.name or "transformers", "hf", f"model {options.name}") from error
        revision = _revision(options)
        device = torch_settings.select_device(options.device, f"model {options.name}", ModelError)
        with transformers.silence(), torch_settings.inference_settings(options.threads):
            where = transformers.find_model(options.name, options.where, options.folder)
            config = transformers.read_config(options.name, where, revision)
            labels = _labels(options, config)
            preparation = _with_options(processor.read_processor(options.name, where, revision), options)
            model = transformers.read_model(options.name, where, revision)
            files = transformers.model_files(where, revision)
        if options.weights:
            weights.load_weights(model, options.folder / options.weights)
            files.append(options.folder / options.weights)
        predict = network.Network(
            partial(transformers.forward_native, model.to(device)),
            preparation.normalisation,
            device,
            options.threads,
            options.precision,
        )

        def run(images: Sequence[Image]) -> list[Prediction]:
            size = preparation.size
            return predict([resize_image(image, size, preparation.resample) for image in images] if size else images)

        facts = {
            "kind": "hf",
            "where": options.where,
            "labels": labels.name,
            "processor": asdict(preparation),
            "align_corners": bool(options.align_corners),
            "values": options.values or "logits",
            **transformers.facts(model, files),
            **torch_settings.describe_settings(device, options.threads, options.precision),
            "files": hash_files(files),
        }
        predictor = ImagePredictor(options.name, labels, run, _describe_error, options.align_corners, options.values)
        return cls(labels, predictor, facts)

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        return self.predictor(inputs)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its options say so."""
        return self.predictor.values == "probabilities"

    def provenance(self) -> dict[str, Any]:
        """Return files with their hashes, the hub's commit, preprocessing and settings."""
        return self.facts


def _describe_error(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


def _revision(options: ModelOptions) -> str | None:
    unknown = [key for key in options.args if key != "revision"]
    if unknown:
        raise ModelError(
            f"model {options.name}: unknown argument {unknown[0]!r}; {suggestion(unknown[0], ['revision'])}"
        )
    revision = options.args.get("revision")
    return None if revision is None else str(revision)


def _labels(options: ModelOptions, config: Any) -> LabelSpace:
    """Return the label space of the options, or the shipped one with the names of the model's configuration."""
    names = [str(config.id2label.get(i, "")).strip().lower() for i in range(config.num_labels)]
    labels = options.labels or _shipped_space(names)
    if labels is None:
        first = ", ".join(names[:4] + ["..."] * (len(names) > 4))
        raise ModelError(
            f"model {options.name}: its {len(names)} classes ({first}) are not those of a label space of reliseg "
            f"({', '.join(label_space_names())}); set labels to a .toml file with its classes"
        )
    problem = class_count_problem(config.num_labels, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    expected = [c.lower() for c in labels.classes]
    if set(names) == set(expected) and names != expected:
        i = next(i for i, name in enumerate(names) if name != expected[i])
        raise ModelError(
            f"model {options.name} has the classes of {labels.name} in another order: class {i} is {names[i]!r}, "
            f"not {expected[i]!r}; set labels to a .toml file with the classes in the model's order"
        )
    return labels


def _shipped_space(names: list[str]) -> LabelSpace | None:
    """Return the shipped label space with these names; of several, the one without absent classes."""
    spaces = [label_space(name) for name in label_space_names()]
    fitting = [space for space in spaces if [c.lower() for c in space.classes] == names]
    return min(fitting, key=lambda space: len(space.absent), default=None)


def _with_options(processor: "Processor", options: ModelOptions) -> "Processor":
    """Return the processor with the options' mean, deviation and size; by default an image keeps its own size."""
    normalisation = replace(
        processor.normalisation,
        mean=options.mean or processor.normalisation.mean,
        std=options.std or processor.normalisation.std,
    )
    processor = replace(processor, normalisation=normalisation)
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
