"""The classes of a model of transformers: the label space that its outputs are in."""

from typing import Any

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace, label_space, label_space_names
from reliseg.models.base import ModelOptions
from reliseg.models.class_names import order_problem, plain_class_name, shipped_space, unshared_note
from reliseg.models.output_check import class_count_problem

_REST = ("background", "other", "others", "void", "unlabeled", "unlabelled", "ignore", "unknown", "none")
"""What the class of id 0 is called where it stands for all that has no class."""


def model_labels(options: ModelOptions, config: Any, *, reduced: bool) -> tuple[LabelSpace, tuple[str, ...]]:
    """Return the label space of the options, or the shipped one with the names of the model's configuration.

    With it comes what a user should know of the classes.
    """
    names = _class_names(options, config)
    labels = options.labels or (None if reduced else shipped_space(names))
    if reduced and (labels is None or not _is_reduced(names, labels)):
        raise ModelError(
            f"model {options.name}: its image processor has do_reduce_labels, so in training id 0 was left out and "
            "id i became class i - 1; set labels to a .toml file with the classes in that order"
        )
    if labels is None:
        first = ", ".join(names[:4] + ["..."] * (len(names) > 4))
        raise ModelError(
            f"model {options.name}: its {len(names)} classes ({first}) are not those of a label space of reliseg "
            f"({', '.join(label_space_names())}); set labels to a .toml file with its classes"
        )
    problem = class_count_problem(config.num_labels, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    if reduced and _follows(names, labels):
        return labels, ()
    problem = order_problem(names, labels)
    if problem:
        raise ModelError(f"model {options.name} {problem}")
    note = unshared_note(names, labels)
    return labels, (note,) if note else ()


def _class_names(options: ModelOptions, config: Any) -> list[str]:
    """Return the names in a model's configuration, in order; a ModelError where one is left out."""
    given = {str(index).strip(): str(name).strip() for index, name in dict(config.id2label).items()}
    missing = [str(i) for i in range(len(given)) if str(i) not in given]
    if missing:
        raise ModelError(
            f"model {options.name}: id2label of its configuration names {len(given)} classes, and none is number "
            f"{missing[0]}; number them 0 to {len(given) - 1}, as the outputs are"
        )
    return [given[str(i)] for i in range(len(given))]


def _is_reduced(names: list[str], labels: LabelSpace) -> bool:
    """Tell if a label space is one whose class 0 is id 1 of the masks that a model was trained with.

    That of a user who wrote it for the model is; one that ships, or that begins with a class for the rest, is not.
    """
    first = plain_class_name(labels.classes[0])
    ships = any(label_space(name).classes == labels.classes for name in label_space_names())
    return _follows(names, labels) or not (ships or first in _REST)


def _follows(names: list[str], labels: LabelSpace) -> bool:
    """Tell if the classes are the model's names from the second one on: they were written before ids were reduced."""
    own = [plain_class_name(name) for name in names]
    return len(own) > 2 and own[1:] == [plain_class_name(c) for c in labels.classes[: len(own) - 1]]
