"""Loading a semantic segmentation model with transformers: quietly, without remote code, with one-line errors."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForSemanticSegmentation
from transformers.models.auto.modeling_auto import MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.models.torch.network import Output

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


def read_config(name: str, where: str, revision: str | None) -> Any:
    """Read the model's configuration; a ModelError if its family is not supported."""
    try:
        config = AutoConfig.from_pretrained(where, revision=revision, trust_remote_code=False)
    except Exception as error:  # broken files raise errors of many libraries
        what = where if Path(where).is_dir() else f"there is no folder {where}, and as a model of the hub it"
        raise ModelError(f"model {name}: {what} cannot be read: {one_line(error)}") from error
    if type(config) not in MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING:
        known = ", ".join(sorted(key.model_type for key in MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING))
        raise ModelError(
            f"model {name}: {type(config).__name__} is not a semantic segmentation model of transformers; "
            f"supported: {known}"
        )
    return config


def read_model(name: str, where: str, revision: str | None) -> Any:
    """Read the model in float32 and evaluation mode; a ModelError if a weight is missing."""
    try:
        model, report = AutoModelForSemanticSegmentation.from_pretrained(
            where, revision=revision, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:
        raise ModelError(f"model {name}: {where} cannot be loaded: {one_line(error)}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"model {name}: {where} has no weights for {shortlist(missing, 1)}; "
            "give a checkpoint that was trained for semantic segmentation"
        )
    return model.eval().requires_grad_(False)


def model_files(where: str, revision: str | None) -> list[Path]:
    """Return the files that the model was read from."""
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


def forward_native(model: Any, pixels: torch.Tensor) -> Output:
    """Return logits at the stride of the model's head, and its deepest feature map averaged over positions."""
    if model.config.model_type == "upernet":  # its forward upsamples logits to the image
        maps = model.backbone(pixels).feature_maps
        return model.decode_head(maps), maps[-1].mean(dim=(2, 3))
    output = model(pixel_values=pixels, output_hidden_states=True)
    deepest = output.hidden_states[-1] if output.hidden_states else None
    pooled = deepest.mean(dim=(2, 3)) if deepest is not None and deepest.ndim == 4 else None
    return output.logits, pooled
