import pytest

from reliseg.errors import MissingExtraError, ModelError
from reliseg.models.libraries.model import LibraryModel, imports_for


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


def test_a_package_that_lacks_a_part_is_there_and_does_not_fit():
    with pytest.raises(ModelError, match="json cannot be imported"), imports_for("mine", "smp", ("torch", "json")):
        import json.no_such_part  # noqa: F401


def test_an_error_of_reliseg_passes_as_it_is():
    with pytest.raises(ModelError, match=r"^no such thing$"), imports_for("mine", "smp", ("torch", "library")):
        raise ModelError("no such thing")


def test_a_kind_still_says_how_its_networks_are_built():
    assert LibraryModel.__abstractmethods__ == {"load"}
