"""Weights by the names in files of transformers: a checkpoint of an older version has these too."""

from pathlib import Path

import pytest
import torch
from helpers.hugging_face import save_network, segformer
from safetensors.torch import load_file
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError
from reliseg.models.hf.stored_names import load_under_either_name


def test_weights_are_loaded_by_the_names_of_layers_or_of_files(tmp_path: Path) -> None:
    transformers_logging.disable_progress_bar()
    network = segformer()
    save_network(tmp_path, network)
    transformers_logging.enable_progress_bar()
    own, stored = network.state_dict(), load_file(tmp_path / "net" / "model.safetensors")
    assert set(own) != set(stored)
    path = tmp_path / "last.ckpt"
    for tensors in (own, stored):
        torch.save({"state_dict": {f"model.{name}": tensor for name, tensor in tensors.items()}}, path)
        other = segformer()
        assert load_under_either_name(other, path, None).place == "state_dict.model."
        assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in own.items())
    del stored["decode_head.classifier.weight"]
    torch.save(stored, path)
    with pytest.raises(ModelError, match="do not fit the network: missing"):
        load_under_either_name(segformer(), path, None)
