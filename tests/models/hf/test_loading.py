"""A model with all that was read for it; code that comes with a model runs only if it is trusted."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from helpers.hugging_face import CITYSCAPES, class_names, save_network, segformer
from transformers.utils import logging as transformers_logging

from reliseg.errors import ModelError
from reliseg.models import Input, ModelOptions
from reliseg.models.hf.loading import load
from reliseg.models.kinds.hf import HuggingFaceModel

CODE = """
import pathlib
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SemanticSegmenterOutput
from .layers import Head

pathlib.Path({marker!r}).touch()


class OwnConfig(PretrainedConfig):
    model_type = "own_net"


class OwnNet(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.head = Head(config.num_labels)
        self.post_init()

    def _init_weights(self, module):
        pass

    def forward(self, pixel_values):
        return SemanticSegmenterOutput(logits=self.head(pixel_values))
"""
LAYERS = (
    "import torch\n\n\nclass Head(torch.nn.Conv2d):\n    def __init__(self, n):\n        super().__init__(3, n, 4, 4)\n"
)


@pytest.fixture(autouse=True)
def _no_bars() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    yield
    transformers_logging.enable_progress_bar()


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelOptions]:
    """A model whose code lies beside it: whether it ran is told by the file `ran`."""
    import torch
    from safetensors.torch import save_file

    cache = tmp_path / "modules"
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(cache))
    monkeypatch.setattr(sys, "path", [*sys.path, str(cache)])
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "own_net.py").write_text(CODE.format(marker=str(tmp_path / "ran")))
    (folder / "layers.py").write_text(LAYERS)
    code = {"AutoConfig": "own_net.OwnConfig", "AutoModelForSemanticSegmentation": "own_net.OwnNet"}
    names = class_names(CITYSCAPES.classes)
    config = {"model_type": "own_net", "auto_map": code, "architectures": ["OwnNet"], **names}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"head.weight": torch.randn(19, 3, 4, 4), "head.bias": torch.zeros(19)}, folder / "model.safetensors")
    yield ModelOptions(name="hub", kind="hf", where="net", folder=tmp_path, threads=1)
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]


def test_code_that_comes_with_a_model_does_not_run_unless_it_is_named(own_code: ModelOptions) -> None:
    for args in ({}, {"trust_remote_code": False}):
        with pytest.raises(ModelError, match=r"with code of its own, .* set args: \{trust_remote_code: true\}"):
            load(replace(own_code, args=args))
    assert not (own_code.folder / "ran").exists()


def test_code_that_is_trusted_runs_and_this_is_said(own_code: ModelOptions) -> None:
    model = HuggingFaceModel.load(replace(own_code, args={"trust_remote_code": True}))
    with pytest.raises(ModelError, match="with code of its own"):
        load(own_code)
    assert (own_code.folder / "ran").exists()
    assert model.notes() == ["runs code that came with it: layers.py, own_net.py"]
    facts = model.provenance()
    assert facts["trust_remote_code"] == ["layers.py", "own_net.py"]
    assert {Path(file).name for file in facts["files"]} >= {"layers.py", "own_net.py", "model.safetensors"}
    [prediction] = model.predict([Input("day/0", (8, 12), np.full((8, 12, 3), 9, np.uint8))])
    assert prediction.logits.shape == (19, 2, 3)


def test_trust_in_one_model_is_none_in_the_next(own_code: ModelOptions, tmp_path: Path) -> None:
    """transformers keeps the classes of trusted code for all models of a family: here a family of its own, too."""
    path = own_code.folder / "net" / "config.json"
    content = json.loads(path.read_text()) | {"model_type": "segformer"}
    content["auto_map"] = {"AutoModelForSemanticSegmentation": "own_net.OwnNet"}
    path.write_text(json.dumps(content))
    trusted = load(replace(own_code, args={"trust_remote_code": True}))
    assert type(trusted.runner.model).__name__ == "OwnNet"
    other = load(save_network(tmp_path / "other", segformer()))
    assert type(other.runner.model).__module__.startswith("transformers.models.segformer")


def test_a_family_of_transformers_runs_no_code_beside_it(own_code: ModelOptions, tmp_path: Path) -> None:
    """A file may name both; without trust, transformers' own code counts."""
    options = save_network(tmp_path / "both", segformer())
    path = tmp_path / "both" / "net" / "config.json"
    content = json.loads(path.read_text())
    content["auto_map"] = {"AutoModelForSemanticSegmentation": "own_net.OwnNet"}
    path.write_text(json.dumps(content))
    (path.parent / "own_net.py").write_text(CODE.format(marker=str(tmp_path / "ran")))
    assert "trust_remote_code" not in load(options).facts
    assert not (tmp_path / "ran").exists()


def test_trust_in_a_model_without_code_is_said(tmp_path: Path) -> None:
    loaded = load(replace(save_network(tmp_path, segformer()), args={"trust_remote_code": True}))
    assert loaded.remarks == ("brings no code, so trust_remote_code changes nothing",)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"revison": "main"}, "unknown argument 'revison'; did you mean 'revision'"),
        ({"trust_remote_code": "yes"}, "trust_remote_code is 'yes'; write true or false"),
    ],
)
def test_other_arguments_are_refused(args: dict[str, str], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        load(ModelOptions(name="hub", kind="hf", where="net", args=args))


def test_what_is_loaded_says_what_it_is(tmp_path: Path) -> None:
    loaded = load(save_network(tmp_path, segformer()))
    assert (loaded.labels, loaded.remarks, loaded.preparation.size) == (CITYSCAPES, (), None)
    assert loaded.facts["class"] == "SegformerForSemanticSegmentation"
    assert not {"takes", "task", "trust_remote_code", "logits"} & set(loaded.facts)


def test_weights_that_a_network_has_no_place_for_are_said(tmp_path: Path) -> None:
    """A configuration of fewer layers than were trained makes another network, and all its weights are there."""
    options = save_network(tmp_path, segformer(depths=[1, 1, 1, 2]))
    assert HuggingFaceModel.load(options).notes() == []
    path = tmp_path / "net" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"depths": [1, 1, 1, 1]}))
    [note] = HuggingFaceModel.load(options).notes()
    assert note.startswith("leaves out 18 tensors of its weights: segformer.stages.3.blocks.1.")
    assert note.endswith("its config.json is that of another one, for example of fewer layers")


def test_a_folder_without_weights_of_its_own_takes_those_that_are_named(tmp_path: Path) -> None:
    """Training tools keep checkpoints elsewhere."""
    options = save_network(tmp_path, segformer())
    own, stored = load(options).runner.model.state_dict(), tmp_path / "net" / "model.safetensors"
    tensors = {f"model.{name}": tensor for name, tensor in own.items()}
    stored.unlink()
    torch.save({"state_dict": tensors}, tmp_path / "last.ckpt")
    read = load(replace(options, weights="last.ckpt")).runner.model.state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in own.items())
    torch.save({"state_dict": dict(list(tensors.items())[1:])}, tmp_path / "last.ckpt")
    with pytest.raises(ModelError, match="missing"):
        load(replace(options, weights="last.ckpt"))


def test_a_pickle_of_code_is_not_run_and_nobody_is_told_how_to(tmp_path: Path) -> None:
    options = save_network(tmp_path, segformer())
    own, folder = load(options).runner.model.state_dict(), tmp_path / "net"
    (folder / "model.safetensors").unlink()
    torch.save(own | {"extra": Path("ran")}, folder / "pytorch_model.bin")
    with pytest.raises(
        ModelError, match=r"which is not run; put the tensors alone beside it, as model\.safetensors$"
    ) as it:
        load(options)
    assert "weights_only" not in str(it.value)
