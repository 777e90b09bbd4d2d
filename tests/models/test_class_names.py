"""Class names of a checkpoint beside those of a label space."""

import pytest

from reliseg.labels import LabelSpace, label_space
from reliseg.models.class_names import order_problem, plain_class_name, shipped_space, unshared_note

SPACE = LabelSpace("street", ("road", "traffic light", "motorcycle"), ((0, 0, 0),) * 3)


@pytest.mark.parametrize("name", ["traffic light", "Traffic_Light", " TRAFFIC-LIGHT ", "traffic  light"])
def test_spelling_does_not_matter(name: str) -> None:
    assert plain_class_name(name) == "traffic light"
    assert order_problem(["Road", name, "motorcycle"], SPACE) is None
    assert unshared_note(["Road", name, "motorcycle"], SPACE) is None


def test_a_shared_name_at_another_place_is_a_problem() -> None:
    assert order_problem(["lamp", "motorcycle", "Traffic_Light"], SPACE) == (
        "has 'motorcycle' as class 1, and label space street as class 2; "
        "set labels to a .toml file with the classes in the model's order"
    )


def test_names_that_are_not_shared_are_listed() -> None:
    assert order_problem(["road", "lamp", "motorbike"], SPACE) is None
    assert unshared_note(["road", "lamp", "motorbike"], SPACE) == (
        "names classes otherwise than label space street: 1 is 'lamp' and here 'traffic light', "
        "2 is 'motorbike' and here 'motorcycle'; check that they are the same"
    )


@pytest.mark.parametrize("names", [["LABEL_0", "LABEL_1", "LABEL_2"], ["0", "1", "2"], ["class 0", "", "cls-2"], []])
def test_names_that_say_nothing_are_not_compared(names: list[str]) -> None:
    assert order_problem(names, SPACE) is None
    assert unshared_note(names, SPACE) is None


def test_a_name_that_stands_twice_says_nothing_of_the_order() -> None:
    assert order_problem(["motorcycle", "lamp", "motorcycle"], SPACE) is None


def test_the_shipped_space_of_some_names_has_them_in_that_order() -> None:
    names = [name.title() for name in label_space("cityscapes").classes]
    found = shipped_space(names)
    assert found is not None
    assert found.name == "cityscapes"
    assert shipped_space(names[::-1]) is None
    assert shipped_space(names[:-1]) is None
