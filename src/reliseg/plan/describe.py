"""What was opened in Python, as the sections of a configuration: the way back from options to a file."""

import json
from typing import Any

from reliseg.config.inputs import IN_MEMORY, DataConfig, ModelConfig
from reliseg.data import DataOptions, DataSet
from reliseg.errors import ConfigError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import Model, ModelOptions


def describe_dataset(options: DataOptions, name: str) -> DataConfig | None:
    """Return the section that opens the same data set; None where no file can say it."""
    section = vars(options) | {"name": name, "root": str(options.root)}
    section |= {"image": options.image or None, "mask": options.mask or None}
    folder = section.pop("folder")
    try:
        config = DataConfig.model_validate(section).absolute(folder)
        config.model_dump_json()
    except ValueError:  # pydantic's: other types than those of a file
        return None
    return config


def describe_model(options: ModelOptions, labels: str | LabelSpace | None) -> ModelConfig | None:
    """Return the section that loads the same model, except device and threads; None where no file can say it."""
    if not _is_plain(dict(options.args)):
        return None
    section = {key: value for key, value in vars(options).items() if key in ModelConfig.model_fields}
    del section["members"]  # an ensemble's are models, and open already
    if options.align_corners is not None:
        section["upsampling"] = {"align_corners": options.align_corners}
    try:
        section["labels"] = _shipped_name(labels) if isinstance(labels, LabelSpace) else labels
        section["weights"] = options.weights and str(options.weights)
        return ModelConfig.model_validate(section).absolute(options.folder)
    except (ConfigError, ValueError):
        return None


def dataset_in_memory(dataset: DataSet) -> dict[str, str]:
    """Return the section of a data set that no file can open again."""
    return {"name": dataset.name, "spec": IN_MEMORY, "root": str(dataset.root)}


def model_in_memory(model: Model) -> dict[str, str]:
    """Return the section, without a name, of a model that no file can load; its fingerprint tells it from others."""
    return {"kind": IN_MEMORY, "where": f"sha256:{model.fingerprint()}"}


def _shipped_name(space: LabelSpace) -> str:
    """Return the name of a label space that ships; a ConfigError where none is equal."""
    if label_space(space.name) != space:
        raise ConfigError(f"label space {space.name} is not the one that ships")
    return space.name


def _is_plain(value: Any) -> bool:
    """Tell whether a file gives back this value: arguments of a user's function may be any object."""
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError):
        return False
