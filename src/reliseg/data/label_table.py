"""Read the `label_map` table of a spec or a configuration: a map from the pixels of a mask to ids."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from reliseg.data.base import Encoding
from reliseg.data.spec import check_keys
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import VOID, ColorMap, LabelMap, LabelSpace

_KEYS = ("encoding", "known", "unknown", "void", "unlisted")
_ENCODINGS = ("index", "red", "color")


def read_label_map(
    where: str, table: Mapping[str, Any], labels: LabelSpace, unlisted: Literal["error", "void"] | None
) -> tuple[Encoding, LabelMap | ColorMap]:
    """Return the encoding of the masks and their map; `unlisted`, if it is not None, overrides the table's."""
    where = f"{where}: label_map"
    check_keys(where, table, _KEYS)
    encoding = table.get("encoding", "index")
    if encoding not in _ENCODINGS:
        raise ConfigError(f"{where}: unknown encoding {encoding!r}; {suggestion(str(encoding), _ENCODINGS)}")
    rule = unlisted or table.get("unlisted", "error")
    if rule not in ("error", "void"):
        raise ConfigError(f"{where}: unlisted is 'error' or 'void', not {rule!r}")
    if encoding == "color":
        extra = sorted({"known", "unknown", "void"} & set(table))
        if extra:
            raise ConfigError(f"{where}: {extra[0]} has no meaning with encoding color; leave it out")
        return "color", ColorMap.of(labels, unlisted_is_void=rule == "void")
    label_map = LabelMap.of(
        _read_known_ids(where, table.get("known", "identity"), labels),
        unknown=_ids(where, "unknown", table.get("unknown", [])),
        void=_ids(where, "void", table.get("void", [VOID])),
        unlisted_is_void=rule == "void",
    )
    return cast(Encoding, encoding), label_map


def _read_known_ids(where: str, value: object, labels: LabelSpace) -> dict[int, int]:
    if value == "identity":
        return {i: i for i in range(len(labels))}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: known is 'identity' or a table of raw id = id, not {value!r}")
    raw_ids = _ids(where, "known", value.keys())
    ids = _ids(where, "known", value.values())
    for raw, i in zip(raw_ids, ids, strict=True):
        if not 0 <= i < len(labels):
            raise ConfigError(
                f"{where}: known: {raw} = {i}, but {labels.name} has the ids 0 to {len(labels) - 1}; "
                "list the raw id as void or unknown if it is no class"
            )
    return dict(zip(raw_ids, ids, strict=True))


def _ids(where: str, key: str, values: object) -> list[int]:
    items = list(values) if isinstance(values, Iterable) else [None]
    try:
        return [int(str(item)) for item in items]
    except ValueError:
        raise ConfigError(f"{where}: {key} holds a list of whole numbers, not {values!r}") from None
