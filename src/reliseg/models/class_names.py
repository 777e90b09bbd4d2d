"""The class names that a checkpoint states, beside those of the label space that it is said to predict."""

import re
from collections.abc import Sequence

from reliseg.errors import shortlist
from reliseg.labels import LabelSpace, label_space, label_space_names

_NAMELESS = re.compile(r"(label|class|category|cls)?[ _-]*\d+", re.IGNORECASE)
"""Names that say nothing, such as LABEL_0."""


def plain_class_name(name: str) -> str:
    """Return a name without what is a matter of spelling: case, and what stands between words."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def shipped_space(names: Sequence[str]) -> LabelSpace | None:
    """Return the shipped label space with these names; of several, the one without absent classes."""
    own = [plain_class_name(name) for name in names]
    spaces = [label_space(name) for name in label_space_names()]
    fitting = [space for space in spaces if [plain_class_name(c) for c in space.classes] == own]
    return min(fitting, key=lambda space: len(space.absent), default=None)


def order_problem(names: Sequence[str], labels: LabelSpace) -> str | None:
    """Return the end of an error line if a name that both know stands at another place; names of digits say nothing."""
    own = [plain_class_name(name) for name in names]
    expected = [plain_class_name(name) for name in labels.classes]
    for index, name in enumerate(own):
        if _NAMELESS.fullmatch(name) or own.count(name) > 1 or expected.count(name) != 1:
            continue
        place = expected.index(name)
        if place != index:
            return (
                f"has {names[index]!r} as class {index}, and label space {labels.name} as class {place}; "
                "set labels to a .toml file with the classes in the model's order"
            )
    return None


def unshared_note(names: Sequence[str], labels: LabelSpace) -> str | None:
    """Return a line that lists the classes whose names differ, or None if all agree or the model names none."""
    pairs = [
        (index, own, expected)
        for index, (own, expected) in enumerate(zip(names, labels.classes, strict=False))
        if plain_class_name(own) != plain_class_name(expected) and own and not _NAMELESS.fullmatch(own)
    ]
    if not pairs:
        return None
    texts = [f"{index} is {own!r} and here {expected!r}" for index, own, expected in pairs]
    return (
        f"names classes otherwise than label space {labels.name}: {shortlist(texts, 4)}; check that they are the same"
    )
