"""Numbers as whole ones, so that many of them take little room in a file."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_DIGITS, _DIGITS_OF_FEW, _FEW = 4, 7, 2000
_LONG = 8
"""So many numbers are worth packing."""
_ALPHABET = "".join(map(chr, range(32, 127))).replace('"', "").replace("\\", "")
_ONE, _TWO, _LAST = 62, 86, 92
"""Numbers of one letter begin with those before the first, of two with those before the second, and so on."""


def scaled_finely(values: Sequence[float]) -> tuple[float, list[int | None]]:
    """Return the same as `scaled` with seven digits, where there are few values.

    The page rounds to three: with four in between, one number in twenty would not be what the page says in words.
    """
    return scaled(values, _DIGITS_OF_FEW if len(values) <= _FEW else _DIGITS)


def scaled(values: Sequence[float], digits: int = _DIGITS) -> tuple[float, list[int | None]]:
    """Return a unit and the values in it, rounded: so many digits of the largest. What is not finite is None."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    unit = 10.0 ** (math.ceil(math.log10(largest)) - digits) if largest else 1.0
    return unit, whole(values, unit)


def whole(values: Iterable[float], unit: float) -> list[int | None]:
    """Return the values in a unit, rounded; what is not finite is None."""
    return [round(v / unit) if math.isfinite(v) else None for v in values]


def rounded_count(count: float) -> int:
    """Return a number of pixels with four digits: the page shows no more."""
    return int(float(f"{count:.4g}"))


def steps(values: Sequence[int]) -> list[int]:
    """Return the first value and the differences: those of a smooth curve are small, and pack well."""
    return [b - a for a, b in zip([0, *values], values, strict=False)]


def packed(data: Any) -> dict[str, Any]:
    """Return data whose longer lists of whole numbers (and None) are texts: `{"~": n}` stands for the n-th of `lists`.

    Most numbers are one letter, and lists of one kind stand together, so that what deflates the page sees numbers as
    they are spread, and not their digits. `data.js` reads them.
    """
    texts: dict[tuple[str, ...], list[tuple[dict[str, int], str]]] = {}
    left = _without_lists(data, (), texts)
    found = [entry for of_kind in texts.values() for entry in of_kind]
    for n, (place, _) in enumerate(found):
        place["~"] = n
    return {"lists": [text for _, text in found], "data": left}


def _without_lists(data: Any, path: tuple[str, ...], texts: dict[tuple[str, ...], list[Any]]) -> Any:
    """Return data with an empty place for each longer list of whole numbers; places and texts go to `texts` by kind."""
    if isinstance(data, Mapping):
        return {name: _without_lists(value, (*path, name), texts) for name, value in data.items()}
    if not isinstance(data, list | tuple):
        return data
    if len(data) < _LONG or not all(type(value) is int or value is None for value in data):
        return [_without_lists(value, path, texts) for value in data]
    place: dict[str, int] = {}
    kind = tuple(name for name in path[-2:] if not name.isdigit())
    texts.setdefault(kind, []).append((place, _text_of(data)))
    return place


def _text_of(values: Sequence[int | None]) -> str:
    if all(value is not None and value >= 0 for value in values):
        return "+" + "".join(_letters(value) for value in values if value is not None)
    return "-" + "".join(_letters(0 if v is None else 2 * v + 1 if v >= 0 else -2 * v) for v in values)


def _letters(value: int) -> str:
    """Return a number from 0 as one letter, two or three; large ones as digits that end with a space."""
    if value < _ONE:
        return _ALPHABET[value]
    n, two = len(_ALPHABET), value - _ONE
    if two < (_TWO - _ONE) * n:
        return _ALPHABET[_ONE + two // n] + _ALPHABET[two % n]
    three = two - (_TWO - _ONE) * n
    if three < (_LAST - _TWO) * n * n:
        return _ALPHABET[_TWO + three // n**2] + _ALPHABET[three // n % n] + _ALPHABET[three % n]
    return f"{_ALPHABET[_LAST]}{value} "
