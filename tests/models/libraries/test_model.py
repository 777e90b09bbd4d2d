from typing import Any

import pytest

from reliseg.errors import MissingExtraError, ModelError
from reliseg.models import MODELS
from reliseg.models.libraries import model
from reliseg.models.libraries.model import LibraryModel, imports_for


@pytest.fixture(autouse=True)
def versions(monkeypatch) -> dict[str, str]:
    """The versions of packages that are said to be installed."""
    installed = {"torch": "2.13.0", "torchvision": "0.28.0"}
    monkeypatch.setattr(model, "version", installed.__getitem__)
    return installed


def test_a_package_that_is_not_there_is_named_with_the_command_that_brings_it():
    text = r"^model mine needs no_such_package: pip install 'reliseg\[smp\]'$"
    with pytest.raises(MissingExtraError, match=text), imports_for("mine", "smp", ("torch", "library")):
        import no_such_package  # noqa: F401


def test_packages_that_do_not_fit_are_named_with_the_first_cause():
    def fail() -> None:
        try:
            raise RuntimeError("operator not found")
        except RuntimeError as error:
            raise ImportError("cannot import name 'x'") from error

    text = (
        r"^model mine: library cannot be imported \(RuntimeError: operator not found\); install versions of torch and "
        "library that fit each other$"
    )
    with pytest.raises(ModelError, match=text), imports_for("mine", "smp", ("torch", "library")):
        fail()


def test_one_package_that_cannot_be_imported_is_to_be_replaced():
    text = r"^model mine: runtime cannot be imported \(ImportError: libfoo\.so\); install another version of runtime$"
    with pytest.raises(ModelError, match=text), imports_for("mine", "onnx", ("runtime",)):
        raise ImportError("libfoo.so")


def test_an_opencv_that_wants_windows_is_replaced_by_the_one_that_does_not():
    text = (
        r"cannot be imported \(ImportError: libGL\.so\.1: .*\); pip uninstall opencv-python, then pip install opencv-"
    )
    with pytest.raises(ModelError, match=text), imports_for("mine", "mmseg", ("torch", "mmseg")):
        raise ImportError("libGL.so.1: cannot open shared object file")


def test_a_package_that_lacks_a_part_is_there_and_does_not_fit():
    with pytest.raises(ModelError, match="json cannot be imported"), imports_for("mine", "smp", ("torch", "json")):
        import json.no_such_part  # noqa: F401


def test_an_error_of_reliseg_passes_as_it_is():
    with pytest.raises(ModelError, match=r"^no such thing$"), imports_for("mine", "smp", ("torch", "library")):
        raise ModelError("no such thing")


def test_a_kind_still_says_how_its_networks_are_built():
    assert LibraryModel.__abstractmethods__ == {"load"}


CPU = (
    "torch is built for CPUs alone, and torchvision is not: pip install --force-reinstall --no-deps "
    "torchvision==0.28.0+cpu --index-url https://download.pytorch.org/whl/cpu"
)


def test_builds_that_are_not_made_for_each_other_are_seen_without_importing_them(versions, monkeypatch):
    kind: Any = MODELS.get("torchvision")
    monkeypatch.setattr("reliseg.models.base._is_installed", lambda name: True)
    assert kind.obstacle() is None
    versions["torch"] = "2.13.0+cpu"
    assert kind.obstacle() == CPU
    with pytest.raises(ModelError) as caught, imports_for("mine", "smp", ("torch", "torchvision")):
        raise RuntimeError("operator torchvision::nms does not exist")
    assert str(caught.value).endswith(CPU)
    versions["torchvision"] = "0.28.0+cpu"
    assert kind.obstacle() is None
