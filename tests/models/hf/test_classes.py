"""The classes of a model of transformers: recognised by their names, and refused where ids mean something else."""

from types import SimpleNamespace

import pytest

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace, label_space
from reliseg.models import ModelOptions
from reliseg.models.hf.classes import model_labels

CITYSCAPES = label_space("cityscapes")


def config(*names: str) -> SimpleNamespace:
    return SimpleNamespace(id2label=dict(enumerate(names)), num_labels=len(names))


def options(labels: LabelSpace | None = None) -> ModelOptions:
    return ModelOptions(name="hub", kind="hf", where="net", labels=labels)


def test_the_label_space_with_the_same_names_is_found() -> None:
    assert model_labels(options(), config(*CITYSCAPES.classes), reduced=False) == (CITYSCAPES, ())


def test_classes_that_no_label_space_has_must_be_given() -> None:
    with pytest.raises(ModelError, match=r"its 2 classes \(cat, dog\) are not those of a label space"):
        model_labels(options(), config("cat", "dog"), reduced=False)


def test_other_names_at_the_same_places_are_noted() -> None:
    names = ["motorbike" if c == "motorcycle" else c for c in CITYSCAPES.classes]
    _, [note] = model_labels(options(CITYSCAPES), config(*names), reduced=False)
    assert note.startswith("names classes otherwise than label space cityscapes")


def test_reduced_ids_need_a_label_space_of_their_own() -> None:
    with pytest.raises(ModelError, match="do_reduce_labels"):
        model_labels(options(CITYSCAPES), config(*CITYSCAPES.classes), reduced=True)
    own = LabelSpace("rooms", ("wall", "floor", "door"), ((0, 0, 0),) * 3)
    assert model_labels(options(own), config("wall", "floor", "door"), reduced=True) == (own, ())
