"""The interface's own behaviour: what models get for nothing, and the options' label space."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reliseg.errors import ModelError
from reliseg.labels import label_space
from reliseg.models import MODELS, Input, Model, ModelOptions, Requires
from reliseg.models.base import kind_hint
from reliseg.prediction import Prediction


class Fixed(Model):
    """A model that says of itself what it was given to say."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts

    @classmethod
    def load(cls, options: ModelOptions) -> "Fixed":
        return cls()

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        return []

    def provenance(self) -> dict[str, Any]:
        return self.facts


def test_the_kinds_that_ship() -> None:
    assert {"hf", "python", "stored"} <= set(MODELS.names())


def test_a_fingerprint_is_of_what_provenance_says_in_any_order() -> None:
    first = Fixed(kind="a", files={"x": "1", "y": "2"}).fingerprint()
    assert Fixed(files={"y": "2", "x": "1"}, kind="a").fingerprint() == first
    assert Fixed(kind="a", files={"x": "1", "y": "3"}).fingerprint() != first


def test_a_model_of_images_misses_no_sample_and_reads_no_file_of_it() -> None:
    assert Fixed().missing(["a/1", "a/2"]) == {}
    assert Fixed().files("a/1") == ()


def test_labels_are_required_where_a_kind_needs_them() -> None:
    camvid = label_space("camvid")
    assert ModelOptions("net", "python", "x", labels=camvid).require_labels() is camvid
    with pytest.raises(ModelError, match=r"^model net: give labels, .*camvid, cityscapes.*, or a \.toml file"):
        ModelOptions("net", "python", "x").require_labels()


def test_weights_lie_in_the_folder_of_the_file_that_names_them_and_a_key_needs_them() -> None:
    options = ModelOptions("net", "python", "net.py:build", folder=Path("runs"))
    assert options.weights_file() is None
    assert replace(options, weights=Path("net.pth"), key="ema").weights_file() == Path("runs/net.pth")
    with pytest.raises(ModelError, match="key says where weights lie in a file, and weights names none"):
        replace(options, key="ema").weights_file()


def test_hashes_of_files_are_of_how_they_are_used_too_and_stay_the_same_on_another_machine() -> None:
    facts: dict[str, Any] = {"normalisation": {"mean": [0.5]}, "args": {"width": 2, "path": "/here/x"}, "device": "cpu"}
    files = {"/here/x": "1"}
    first = Fixed(**facts, files=files).file_hashes()
    elsewhere = facts | {"args": {"width": 2, "path": "/there/x"}, "device": "cuda", "torch": "9"}
    assert Fixed(**elsewhere, files={"/there/x": "1"}).file_hashes() == first
    changes = ({"normalisation": {"mean": [0.6]}}, {"args": {"width": 3}}, {"resize": [8, 8]}, {"precision": "float16"})
    for change in changes:
        assert Fixed(**facts | change, files=files).file_hashes() != first
    assert Fixed(**facts, files={"/here/x": "2"}).file_hashes() != first
    assert Fixed(**facts, files={}).file_hashes() == ()


class Demanding(Fixed):
    requires = Requires("mmseg", ("json", "no_such_module", "nor_this"))


def test_a_kind_that_lacks_a_module_says_which_and_the_one_command_that_brings_it() -> None:
    assert Demanding.obstacle() == "needs no_such_module, nor_this: pip install 'reliseg[mmseg]'"
    assert Fixed.obstacle() is None


def test_what_a_kind_requires_is_looked_for_and_not_imported() -> None:
    code = (
        "import sys; from reliseg.models import MODELS; [MODELS.get(name).obstacle() for name in MODELS.names()];"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_in_memory_counts_as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_such_module", "nor_this"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert Demanding.obstacle() is None


def test_the_kind_of_a_file_is_told_by_its_ending_where_that_says_it() -> None:
    assert kind_hint("a/net.ONNX") == "; for an ONNX graph, write kind: onnx, where: net.ONNX"
    assert kind_hint(Path("net.pt2")) == "; for a program of torch.export, write kind: exported, where: net.pt2"
    assert kind_hint("net.pth") == kind_hint("nvidia/segformer") == ""


def test_an_option_that_does_not_apply_is_named_as_it_is_written() -> None:
    said = ModelOptions("net", "fixed", "x", align_corners=False, output=0)
    said.refuse(["weights", "args", "precision"], "does not apply; leave it out")
    with pytest.raises(ModelError, match=r"^model net: output does not apply; leave it out$"):
        said.refuse(["weights", "output"], "does not apply; leave it out")
    with pytest.raises(ModelError, match=r"^model net: upsampling does not apply; leave it out$"):
        said.refuse(["align_corners"], "does not apply; leave it out")


def test_an_argument_that_is_not_known_is_named_with_the_nearest_one() -> None:
    options = ModelOptions("net", "fixed", "x", args={"revision": "main", "revison": "dev"})
    options.refuse_unknown_args(("revision", "revison"))
    with pytest.raises(ModelError, match=r"^model net: unknown argument 'revison'; did you mean 'revision'\?"):
        options.refuse_unknown_args(("revision", "trust_remote_code"))
