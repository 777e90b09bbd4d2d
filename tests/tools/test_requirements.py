"""What extras need: all of it, also by way of other extras, and nothing twice."""

import tomllib

import pytest
from requirements import PROJECT, requirements

OWN = {
    "name": "own",
    "dependencies": ["numpy>=2"],
    "optional-dependencies": {
        "torch": ["torch>=2.5"],
        "export": ["own[torch, onnx]", "onnxscript"],
        "onnx": ["onnx; platform_system == 'Linux'", "numpy>=2"],
    },
}


def test_without_an_extra_it_is_what_the_package_needs():
    assert requirements(OWN, []) == ["numpy>=2"]


def test_extras_are_followed_and_nothing_is_said_twice():
    expected = ["numpy>=2", "torch>=2.5", "onnx; platform_system == 'Linux'", "onnxscript"]
    assert requirements(OWN, ["export", "torch"]) == expected


def test_an_extra_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        requirements(OWN, ["none"])


def test_extras_of_this_package_name_only_extras_that_are_there():
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    for extra in project["optional-dependencies"]:
        assert not [r for r in requirements(project, [extra]) if r.startswith("reliseg")]
