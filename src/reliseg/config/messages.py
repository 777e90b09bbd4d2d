"""What pydantic says of a configuration, in the user's words: the keys of the file, and what is wanted there."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pydantic_core import ErrorDetails

Place: TypeAlias = tuple[int | str, ...]

_WANTED = {
    "string_type": "a word",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "invalid_key": "a word as key",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
}
"""By pydantic's name of the error; its own sentences speak of Python's types."""


def validation_message(errors: Iterable[ErrorDetails], content: object) -> str:
    """The first place that is wrong, and what is wanted there.

    Of a choice (a number or `all`) pydantic has an error for each way: those that came furthest into what was given
    are taken together.
    """
    placed = [(place_in_file(error, content), error) for error in errors]
    first = placed[0][0]
    place = max((place for place, _ in placed if place[: len(first)] == first), key=len)
    same = [error for other, error in placed if other == place]
    given = same[0].get("input")
    if same[0]["type"] == "missing":
        return f"{place_text(place)} is missing"
    if same[0]["type"] == "list_type" and isinstance(given, str):
        return f"{place_text(place)}: a list is needed; write [{given}]"
    texts = list(dict.fromkeys(_text(error) for error in same))
    shown = repr(given) if isinstance(given, str | int | float | bool) else ""
    if same[0]["type"] in _WANTED:
        return f"{place_text(place)}: give {' or '.join(texts)}{f', not {shown}' if shown else ''}"
    return f"{place_text(place)}: {texts[0]}{f' (given: {shown})' if shown and shown not in texts[0] else ''}"


def place_text(place: Place) -> str:
    """`models.0.kind`."""
    return ".".join(str(part) for part in place) or "top level"


def place_in_file(error: ErrorDetails, content: object) -> Place:
    """The keys and positions of an error that stand in the file; the others name types of pydantic's.

    Of a key that is missing the last one does not stand there, and is kept.
    """
    *way, last = error["loc"] or ("",)
    found: list[int | str] = []
    for part in (*way, last):
        if isinstance(content, Mapping):
            inside = part in content
        else:
            inside = isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)
        if inside:
            content = content[part]  # type: ignore[index]
            found.append(part)
    return (*found, last) if error["type"] == "missing" else tuple(found)


def _text(error: ErrorDetails) -> str:
    wanted = _WANTED.get("invalid_key" if error["loc"][-1:] == ("[key]",) else error["type"])
    if wanted is None:
        return error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    context = error.get("ctx", {})
    return wanted.format_map(context | {"expected": str(context.get("expected", "")).replace("'", "")})
