"""The language of conditions: `ece(model=net, domain=camvid/dusk) > 0.05`, `worse(ece(domain=camvid/dusk)) > 0.01`.

    condition   = number comparison limit
    number      = quantity | "worse" "(" quantity ")"
    quantity    = name [ "(" [ part { "," part } ] ")" ]
    part        = key "=" name
    comparison  = ">" | ">=" | "<" | "<="

A name is in quotes, where a backslash takes away the meaning of the next character; or it stands as it is, up to a
space, a comma or a bracket that it has not opened itself, as in `calibration=cluster_ts(k=4,seed=42)@camvid/cal`.
"""

import math
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from reliseg.errors import ConfigError, suggestion

Comparison = Literal[">", ">=", "<", "<="]

KEYS = ("model", "dataset", "domain", "calibration", "fitted_on", "class", "score", "definition")
"""The parts of a quantity that a condition can name; `domain` is `DATA/DOMAIN` too."""

_QUOTES = ('"', "'")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?(?=\s|$)")
_COMPARISON = re.compile(r"[<>]=?(?![<>=])")
_WORD = re.compile(r"[^\s,()<>=!\"'≤≥]+")
_KEY = re.compile(r"[^\s=,()]*")
_BRACKETS = ("(", ")", ",")
_UP_TO_BRACKET = re.compile(r"[^\s,()\"']*")
_NO_NUMBER = "expected a finite number, like 0.05 or 5e-2; shares are written as in the results, not in %"
_NO_COMMA = "expected a comma or the closing bracket; a name with spaces, quotes or brackets is written in quotes"
_SHOWN = 20


@dataclass(frozen=True)
class Quantity:
    """The numbers of a metric whose other columns are these; where nothing is said of a column, all of them."""

    metric: str
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Condition:
    """What must not hold of any of these numbers; of how much worse they are than in another run, if `worse`."""

    text: str
    quantity: Quantity
    worse: bool
    comparison: Comparison
    limit: float


def parse_condition(text: str) -> Condition:
    """Return the condition that a text says; a ConfigError names the place that cannot be read."""
    return _Reader(text).condition()


class _Reader:
    """Reads a condition from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def condition(self) -> Condition:
        """Return the whole condition."""
        quotes = self._next() in _QUOTES
        metric = self._metric()
        worse = metric == "worse" and not quotes
        if worse:
            self._take("(", "worse takes a metric in brackets, like worse(ece)")
            metric = self._metric()
        quantity = Quantity(metric, self._parts())
        if worse:
            self._take(")", "the bracket of worse( is not closed")
        comparison, limit = self._comparison(), self._limit()
        if self._next():
            self._fail("there is more after the limit; give --fail-if once for each condition")
        return Condition(self._text, quantity, worse, comparison, limit)

    def _parts(self) -> tuple[tuple[str, str], ...]:
        if self._next() != "(":
            return ()
        self._at += 1
        parts: dict[str, str] = {}
        while parts or self._next() != ")":
            key = self._key(parts)
            self._take("=", f"write {key}=NAME")
            parts[key] = self._value(key)
            if self._next() == ")":
                break
            self._take(",", _NO_COMMA)
        self._at += 1
        return tuple(parts.items())

    def _key(self, parts: Container[str]) -> str:
        """Return the next key, which is none of these."""
        begin = self._here()
        key = self._word(_KEY, "")
        if key not in KEYS:
            what = f"no part is called {key!r}" if key else "expected a part, like model=NAME"
            self._fail(f"{what}; {suggestion(key, KEYS)}", begin)
        if key in parts:
            self._fail(f"{key} is given twice; keep one, or give --fail-if once for each", begin)
        return key

    def _metric(self) -> str:
        """Return a name in quotes, or one that ends before the first bracket, comparison or space."""
        return self._quoted() if self._next() in _QUOTES else self._word(_WORD, "expected a metric, like ece")

    def _value(self, key: str) -> str:
        """Return the name that a part gives: in quotes, or as it is."""
        if self._next() in _QUOTES:
            return self._quoted()
        begin, depth = self._at, 0
        while True:
            self._word(_UP_TO_BRACKET, "")
            bracket = self._text[self._at : self._at + 1]
            if bracket not in _BRACKETS or (bracket != "(" and not depth):
                break
            depth += {"(": 1, ")": -1}.get(bracket, 0)
            self._at += 1
        if depth:
            self._fail("this name opens a bracket and does not close it; write the name in quotes", begin)
        if self._at == begin:
            self._fail(f"expected a {key}; a name with spaces or brackets, and an empty one, is written in quotes")
        return self._text[begin : self._at]

    def _word(self, pattern: re.Pattern[str], otherwise: str) -> str:
        """Go over what matches, and return it."""
        match = pattern.match(self._text, self._at)
        if not match:
            self._fail(otherwise)
        self._at = match.end()
        return match[0]

    def _quoted(self) -> str:
        begin, quote = self._at, self._text[self._at]
        characters = []
        self._at += 1
        while (character := self._text[self._at : self._at + 1]) != quote:
            if character == "\\":
                self._at += 1
                character = self._text[self._at : self._at + 1]
            if not character:
                self._fail("this quote is not closed", begin)
            characters.append(character)
            self._at += 1
        self._at += 1
        return "".join(characters)

    def _comparison(self) -> Comparison:
        self._next()
        return cast(Comparison, self._word(_COMPARISON, "expected a comparison: >, >=, < or <="))

    def _limit(self) -> float:
        self._next()
        begin = self._at
        limit = float(self._word(_NUMBER, _NO_NUMBER))
        if not math.isfinite(limit):
            self._fail(_NO_NUMBER, begin)
        return limit

    def _take(self, character: str, otherwise: str) -> None:
        if self._next() != character:
            self._fail(otherwise)
        self._at += 1

    def _next(self) -> str:
        """Return the next character that is no space; nothing at the end."""
        return self._text[self._here() :][:1]

    def _here(self) -> int:
        """Go on to what is no space, and return where that is."""
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._at

    def _fail(self, problem: str, at: int | None = None) -> NoReturn:
        place = self._at if at is None else at
        rest = self._text[place:]
        before = f"before {_shortened(rest)!r}" if rest else "at the end"
        raise ConfigError(f"--fail-if {self._text!r}: character {place + 1}, {before}: {problem}")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]}.."
