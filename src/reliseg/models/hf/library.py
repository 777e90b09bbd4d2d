"""Loading a semantic segmentation model with transformers: quietly, without remote code, with one-line errors."""

import inspect
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    PreTrainedConfig,
)
from transformers.dynamic_module_utils import get_relative_import_files
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING,
    MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING,
)
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.models.hf.families import FAMILIES, LEFT_OUT

_MAPPINGS = {
    AutoModelForSemanticSegmentation: MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING,
    AutoModelForUniversalSegmentation: MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING,
}
_KNOWN = ", ".join(
    sorted(config.model_type for mapping in _MAPPINGS.values() for config in mapping if config.model_type in FAMILIES)
)
_FOR_USE: Mapping[str, Mapping[str, Any]] = {"oneformer": {"is_training": False}}
"""Settings of configurations that a network keeps from training: OneFormer would ask for texts and drop values."""
_COUNTERS = ("num_batches_tracked", "position_ids", "relative_position_index")
"""Ends of the names of buffers that follow from the configuration, or that nothing is computed with."""
_ADVICE = "weights_only"
"""Stands in what torch says of a pickle that holds code."""
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@contextmanager
def silence() -> Iterator[None]:
    """Turn off progress bars and messages below errors; what was set before comes back after."""
    from huggingface_hub.utils import logging as hub_logging

    before = transformers_logging.get_verbosity(), hub_logging.get_verbosity()
    bars_before = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    hub_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before[0])
        hub_logging.set_verbosity(before[1])
        if bars_before:
            transformers_logging.enable_progress_bar()


def find_model(name: str, where: str, folder: Path) -> str:
    """Return the local folder, or the hub's id; a ModelError if it is neither."""
    local = folder / Path(where).expanduser()
    if local.is_dir():
        if not (local / "config.json").is_file():
            raise ModelError(f"model {name}: {local} has no config.json; give a folder that save_pretrained wrote")
        return str(local)
    if local.exists() or not _HUB_ID.fullmatch(where) or where.startswith("."):
        raise ModelError(f"model {name}: {where!r} is neither a folder ({local}) nor a model id of the hub")
    return where


def read_config(name: str, where: str, revision: str | None, *, trusted: bool = False) -> Any:
    """Read the model's configuration; a ModelError if its family is not supported.

    Code that lies beside it is run if it is `trusted`, and only then.
    """
    own_code: Mapping[str, Any] = {}
    try:
        content, _ = PreTrainedConfig.get_config_dict(where, revision=revision)
        own_code = content.get("auto_map") or {}
        if not own_code or trusted or content.get("model_type") in CONFIG_MAPPING_NAMES:
            config = AutoConfig.from_pretrained(where, revision=revision, trust_remote_code=trusted)
            own_code = own_code if trusted else {}
    except Exception as error:  # broken files raise errors of many libraries
        what = where if Path(where).is_dir() else f"there is no folder {where}, and as a model of the hub it"
        raise ModelError(f"model {name}: {what} cannot be read: {one_line(error)}") from error
    if own_code and not trusted:
        raise ModelError(
            f"model {name}: {where} is a model with code of its own, which is not run unless you say so; read that "
            "code, and if you trust it, set args: {trust_remote_code: true}"
        )
    problem = None if own_code else _unfit(config)
    if problem:
        raise ModelError(f"model {name}: {problem}; supported: {_KNOWN}")
    return config


def read_model(
    name: str, where: str, revision: str | None, config: Any, *, trusted: bool = False
) -> tuple[Any, list[str]]:
    """Return the model in float32 and evaluation mode, and the names of tensors of its files that it has no place for.

    A ModelError if a weight is missing.
    """
    try:
        model, report = _auto_class(config).from_pretrained(
            where,
            revision=revision,
            trust_remote_code=trusted,
            dtype=torch.float32,
            output_loading_info=True,
            **_FOR_USE.get(config.model_type, {}),
        )
    except Exception as error:
        if _ADVICE in str(error):  # torch says how to run what is in the file
            raise ModelError(
                f"model {name}: the weights in {where} are a pickle of more than tensors, which is not run; put the "
                "tensors alone beside it, as model.safetensors"
            ) from error
        raise ModelError(f"model {name}: {where} cannot be loaded: {one_line(error)}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"model {name}: {where} has no weights for {shortlist(missing, 1)}; "
            "give a checkpoint that was trained for semantic segmentation"
        )
    unused = sorted(key for key in report["unexpected_keys"] if not key.endswith(_COUNTERS))
    return model.eval().requires_grad_(False), unused


def has_weights(where: str) -> bool:
    """Tell if a folder has weights of its own in a form that can be read here; those of the hub are taken to have."""
    folder = Path(where)
    return not folder.is_dir() or any(folder.glob("*.safetensors"))


def build_model(name: str, config: Any, *, trusted: bool = False) -> Any:
    """Return the model of a configuration in evaluation mode, with random weights: all have to be loaded."""
    try:
        for key, value in _FOR_USE.get(config.model_type, {}).items():
            setattr(config, key, value)
        model = _auto_class(config).from_config(config, dtype=torch.float32, trust_remote_code=trusted)
    except Exception as error:
        raise ModelError(f"model {name}: the network cannot be built: {one_line(error)}") from error
    return model.eval().requires_grad_(False)


def _auto_class(config: Any) -> Any:
    """Return the class of transformers that loads a model of this configuration, its own code included."""
    stated = getattr(config, "auto_map", None) or {}
    for auto, mapping in _MAPPINGS.items():
        if auto.__name__ in stated or type(config) in mapping:
            return auto
    return AutoModelForSemanticSegmentation


def _unfit(config: Any) -> str | None:
    """Return why a configuration of transformers' own is none of a network that is supported, or None."""
    if config.model_type in LEFT_OUT:
        return f"{config.model_type} is not supported, as {LEFT_OUT[config.model_type]}"
    if any(type(config) in mapping for mapping in _MAPPINGS.values()):
        return None
    return f"{type(config).__name__} is not a semantic segmentation model of transformers"


def model_files(where: str, revision: str | None) -> list[Path]:
    """Return the files that the model was read from, its code apart."""
    folder = Path(cached_file(where, "config.json", revision=revision)).parent
    weights = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    texts = [folder / name for name in ("config.json", "preprocessor_config.json", "processor_config.json")]
    return [path for path in texts if path.is_file()] + weights


def facts(model: Any, files: list[Path]) -> dict[str, Any]:
    """Return class, size and version for the provenance; the commit too if the files came from the hub."""
    folder = files[0].parent
    return {
        "class": type(model).__name__,
        "parameters": model.num_parameters(),
        "commit": folder.name if folder.parent.name == "snapshots" else None,
        "transformers": transformers.__version__,
    }


def code_files(*objects: Any) -> list[Path]:
    """Return the files of the code that came with a model: those of the classes of these objects, and their imports."""
    files: set[Path] = set()
    for own in (o for o in objects if not type(o).__module__.startswith("transformers.models.")):
        source = Path(inspect.getfile(type(own)))
        files |= {source, *map(Path, get_relative_import_files(source))}
    return sorted(files)
