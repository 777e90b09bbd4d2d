"""Models of Hugging Face transformers, by their id on the hub or from a local folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reliseg.errors import MissingExtraError, ModelError, near, one_line
from reliseg.labels import LabelSpace, label_space, label_space_names
from reliseg.models.base import Input, Model, ModelOptions
from reliseg.models.images import ImagePredictor
from reliseg.models.shared import BILINEAR, class_problem, resized, sha256s
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
        device = torch_settings.select_device(options.device, options.name)
        with transformers.quiet(), torch_settings.inference_settings(options.threads):
            where = transformers.located(options.name, options.where, options.folder)
            config = transformers.read_config(options.name, where, revision)
            labels = _labels(options, config)
            preparation = _chosen(processor.read_processor(options.name, where, revision), options)
            model = transformers.read_model(options.name, where, revision)
            files = transformers.files_of(where, revision)
        if options.weights:
            weights.load_weights(model, options.folder / options.weights)
            files.append(options.folder / options.weights)
        predict = network.Network(
            partial(transformers.native, model.to(device)),
            preparation.normalisation,
            device,
            options.threads,
            options.precision,
        )

        def run(images: Sequence[Image]) -> list[Prediction]:
            size = preparation.size
            return predict([resized(image, size, preparation.resample) for image in images] if size else images)

        facts = {
            "kind": "hf",
            "where": options.where,
            "labels": labels.name,
            "processor": asdict(preparation),
            "align_corners": bool(options.align_corners),
            **transformers.facts(model, files),
            **torch_settings.settings(device, options.threads, options.precision),
            "files": sha256s(files),
        }
        predictor = ImagePredictor(options.name, labels, run, _described, options.align_corners)
        return cls(labels, predictor, facts)

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """One prediction per input."""
        return self.predictor(inputs)

    def provenance(self) -> dict[str, Any]:
        """Files with their hashes, the hub's commit, preprocessing, settings."""
        return self.facts


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


def _revision(options: ModelOptions) -> str | None:
    unknown = [key for key in options.args if key != "revision"]
    if unknown:
        raise ModelError(f"model {options.name}: unknown argument {unknown[0]!r}; {near(unknown[0], ['revision'])}")
    revision = options.args.get("revision")
    return None if revision is None else str(revision)


def _labels(options: ModelOptions, config: Any) -> LabelSpace:
    """The label space that is given, or the shipped one with the names of the model's configuration."""
    names = [str(config.id2label.get(i, "")).strip().lower() for i in range(config.num_labels)]
    labels = options.labels or _shipped_as(names)
    if labels is None:
        shown = ", ".join(names[:4] + ["..."] * (len(names) > 4))
        raise ModelError(
            f"model {options.name}: its {len(names)} classes ({shown}) are no label space that ships with "
            f"reliseg ({', '.join(label_space_names())}); give labels, the path of a .toml file with its classes"
        )
    problem = class_problem(config.num_labels, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    wanted = [c.lower() for c in labels.classes]
    if set(names) == set(wanted) and names != wanted:
        i = next(i for i, name in enumerate(names) if name != wanted[i])
        raise ModelError(
            f"model {options.name} has the classes of {labels.name} in another order: class {i} is {names[i]!r}, "
            f"not {wanted[i]!r}; give labels, the path of a .toml file in its order"
        )
    return labels


def _shipped_as(names: list[str]) -> LabelSpace | None:
    """The shipped label space with these names; of several, the one without absent classes."""
    spaces = [label_space(name) for name in label_space_names()]
    fitting = [space for space in spaces if [c.lower() for c in space.classes] == names]
    return min(fitting, key=lambda space: len(space.absent), default=None)


def _chosen(processor: "Processor", options: ModelOptions) -> "Processor":
    """The processor as the options change it: mean, deviation, and size, which is the image's own by default."""
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
        reason = f"sets {processor.unsupported}" if processor.unsupported else "names no size"
        raise ModelError(f"model {options.name}: its image processor {reason}; write resize: [h, w]")
    return processor
