"""Read the `label_map` table of a spec, a configuration or a program: a map from the pixels of a mask to ids."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from operator import index
from typing import Any, Literal, cast

import numpy as np

from reliseg.data.base import Encoding
from reliseg.data.spec import check_keys
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import VOID, ColorMap, LabelMap, LabelSpace
from reliseg.runtime.text_files import quoted

_KEYS = ("encoding", "known", "unknown", "void", "unlisted")
_ENCODINGS = ("index", "red", "color")
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_LIST = (list, tuple, set, frozenset, range, np.ndarray)
"""Only lists are lists: a text is no list of its letters, and a table none of its keys."""


def read_label_map(
    where: str, table: Mapping[str, Any], labels: LabelSpace, unlisted: Literal["error", "void"] | None
) -> tuple[Encoding, LabelMap | ColorMap]:
    """Return the encoding of the masks and their map; `unlisted`, if it is not None, overrides the table's."""
    where = f"{where}: label_map"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: give keys with values, not {quoted(table)}; keys: {', '.join(_KEYS)}")
    check_keys(where, table, _KEYS)
    encoding = table.get("encoding", "index")
    if encoding not in _ENCODINGS:
        raise ConfigError(f"{where}: unknown encoding {quoted(encoding)}; {suggestion(str(encoding)[:40], _ENCODINGS)}")
    rule = unlisted or table.get("unlisted", "error")
    if rule not in ("error", "void"):
        raise ConfigError(f"{where}: unlisted is 'error' or 'void', not {quoted(rule)}")
    if encoding == "color":
        return "color", _read_color_map(where, table, labels, rule == "void")
    known = _read_known_ids(where, table.get("known", "identity"), labels)
    unknown, void = (_ids(where, key, table.get(key, default)) for key, default in (("unknown", []), ("void", [VOID])))
    try:
        label_map = LabelMap.of(known, unknown=unknown, void=void, unlisted_is_void=rule == "void")
    except ConfigError as error:
        raise ConfigError(f"{where.removesuffix(' label_map')} {error}") from error
    return cast(Encoding, encoding), label_map


def _read_color_map(where: str, table: Mapping[str, Any], labels: LabelSpace, unlisted_is_void: bool) -> ColorMap:
    if "known" in table:
        raise ConfigError(f"{where}: known has no meaning with encoding color: classes have the colors of the palette")
    if not labels.has_own_palette:
        raise ConfigError(
            f"{where}: encoding color needs the colors of the classes, and {labels.name} has none; write palette = "
            "[[red, green, blue], ..] into its file"
        )
    unknown, void = (_colors(where, key, table.get(key, [])) for key in ("unknown", "void"))
    try:
        return ColorMap.of(labels, unknown=unknown, void=void, unlisted_is_void=unlisted_is_void)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _read_known_ids(where: str, value: object, labels: LabelSpace) -> dict[int, int]:
    if isinstance(value, str) and value == "identity":
        return {i: i for i in range(len(labels))}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: known is 'identity' or a table of raw id = id, not {quoted(value)}")
    raw_ids = _ids(where, "known", list(value.keys()))
    ids = [_id(where, "known", i) for i in value.values()]
    for raw, i in zip(raw_ids, ids, strict=True):
        if not 0 <= i < len(labels):
            raise ConfigError(
                f"{where}: known: {raw} = {i}, but {labels.name} has the ids 0 to {len(labels) - 1}; "
                "list the raw id as void or unknown if it is no class"
            )
    return dict(zip(raw_ids, ids, strict=True))


def _ids(where: str, key: str, values: object) -> list[int]:
    """Return the ids of a list, each of which stands there once."""
    if not isinstance(values, _LIST):
        raise ConfigError(f"{where}: {key} holds a list of whole numbers, like [0, 255], not {quoted(values)}")
    ids = [_id(where, key, value) for value in values]
    _check_once(where, key, [str(i) for i in ids], "raw id")
    return ids


def _id(where: str, key: str, value: object) -> int:
    """Return a whole number, or the one that a text of decimal digits says."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, str | bool | np.bool_) or not hasattr(value, "__index__"):
        raise ConfigError(
            f"{where}: {key} holds a list of whole numbers, and {quoted(value)} is none; write its decimal digits"
        )
    try:
        return index(value)
    except TypeError as error:  # an array
        raise ConfigError(f"{where}: {key} holds a list of whole numbers, not of lists; write them flat") from error


def _colors(where: str, key: str, values: object) -> list[tuple[int, int, int]]:
    """Return the colors of a list of [red, green, blue], each of which stands there once."""
    shape = f"{where}: {key} holds a list of colors, like [[0, 0, 0]], with encoding color"
    if not isinstance(values, _LIST):
        raise ConfigError(f"{shape}, not {quoted(values)}")
    colors = []
    for value in values:
        if not isinstance(value, _LIST) or len(value) != 3:
            raise ConfigError(f"{shape}, and {quoted(value)} is none; write [red, green, blue]")
        red, green, blue = (_id(where, key, channel) for channel in value)
        if not all(0 <= channel <= 255 for channel in (red, green, blue)):
            raise ConfigError(f"{where}: {key}: a color's red, green and blue are 0 to 255, not {quoted(value)}")
        colors.append((red, green, blue))
    _check_once(where, key, [str(color) for color in colors], "color")
    return colors


def _check_once(where: str, key: str, texts: Collection[str], kind: str) -> None:
    twice = [text for text, number in Counter(texts).items() if number > 1]
    if twice:
        raise ConfigError(f"{where}: {key}: {kind} {twice[0]} is listed twice; list it once")
