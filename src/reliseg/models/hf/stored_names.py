"""Checkpoints with the names that transformers writes into files, which are not always those of its layers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers.core_model_loading import revert_weight_conversion

from reliseg.errors import ModelError
from reliseg.models.checkpoints.loading import LoadedWeights, load_weights


def load_under_either_name(model: Any, path: Path, key: str | None) -> LoadedWeights:
    """Load all weights by the names of the layers, or else by those of files; a ModelError speaks of the first."""
    try:
        return load_weights(model, path, key)
    except ModelError:
        stored = _Stored(model)
        if not stored.names:
            raise
        try:
            return load_weights(stored, path, key)
        except ModelError:
            pass
        raise


class _Stored(nn.Module):
    """A model whose state dict has the names of its files, where these differ in nothing but names."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._own = [model]
        own = model.state_dict()
        places = {(tensor.data_ptr(), tensor.shape): name for name, tensor in own.items()}
        stored = revert_weight_conversion(model, dict(own))
        names = {name: places.get((tensor.data_ptr(), tensor.shape), "") for name, tensor in stored.items()}
        is_renamed = sorted(names.values()) == sorted(own) and set(names) != set(own)
        self.names: Mapping[str, str] = names if is_renamed else {}

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the tensors of the model by the names of files."""
        own = self._own[0].state_dict()
        return {stored: own[name] for stored, name in self.names.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load tensors by the names of files."""
        return self._own[0].load_state_dict({self.names[stored]: tensor for stored, tensor in state_dict.items()})
