"""The errors of pydantic in the user's words: the keys of the file, and what to write there."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pydantic_core import ErrorDetails

from reliseg.runtime.text_files import quoted

Place: TypeAlias = tuple[int | str, ...]

_EXPECTED = {
    "string_type": "a word",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "dataclass_type": "keys with values",
    "invalid_key": "a word as key",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "greater_than_equal": "at least {ge}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
}
"""By pydantic's name of the error; its own sentences speak of Python's types."""

_LONGEST_WORD = 60
"""Longer texts are not repeated as the entry of a list."""


def validation_message(errors: Iterable[ErrorDetails], content: object) -> str:
    """Return the first place that is wrong, and what to write there.

    For a choice (a number or `all`), pydantic gives an error for each alternative. The message joins the errors of the
    alternatives that match the file best: those whose place is the deepest.
    """
    by_place = [(place_in_file(error, content), error) for error in errors]
    first = by_place[0][0]
    place = max((place for place, _ in by_place if place[: len(first)] == first), key=len)
    alternatives = [error for other, error in by_place if other == place]
    alternatives = [error for error in alternatives if error["type"] == "value_error"] or alternatives
    where, kind, value = place_text(place), alternatives[0]["type"], alternatives[0].get("input")
    if kind == "missing":
        return f"{where} is missing"
    if kind == "list_type" and isinstance(value, str):
        entry = value if len(value) <= _LONGEST_WORD and value.isprintable() else ".."
        return f"{where}: a list is needed; write [{entry}]"
    if value is None and any(error["type"] == "string_type" for error in alternatives):
        return f"{where} is empty; write a word, in quotes where it is '~'"
    texts = list(dict.fromkeys(_text(error) for error in alternatives))
    value_text = quoted(value) if isinstance(value, str | int | float | bool) else ""
    if kind in _EXPECTED:
        return f"{where}: give {' or '.join(texts)}{f', not {value_text}' if value_text else ''}"
    return f"{where}: {texts[0]}{f' (given: {value_text})' if value_text and value_text not in texts[0] else ''}"


def place_text(place: Place) -> str:
    """Return a place as one word, like `models.0.kind`."""
    return ".".join(_part_text(str(part)) for part in place) or "top level"


def _part_text(part: str) -> str:
    """Return a key as it is, or in quotes and shortened where it breaks a line."""
    short = quoted(part)
    return part if part.isprintable() and short == repr(part) else short


def place_in_file(error: ErrorDetails, content: object) -> Place:
    """Return the keys and positions of an error that stand in the file, without those that name pydantic's types.

    The last key of a missing one is kept, though it does not stand in the file.
    """
    *way, last = error["loc"] or ("",)
    place: list[int | str] = []
    for part in (*way, last):
        if isinstance(content, Mapping):
            inside = part in content
        else:
            inside = isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)
        if inside:
            content = content[part]  # type: ignore[index]
            place.append(part)
    return (*place, last) if error["type"] == "missing" else tuple(place)


def _text(error: ErrorDetails) -> str:
    text = _EXPECTED.get("invalid_key" if error["loc"][-1:] == ("[key]",) else error["type"])
    if text is None:
        return error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    context = error.get("ctx", {})
    return text.format_map(context | {"expected": str(context.get("expected", "")).replace("'", "")})
