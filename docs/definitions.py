"""Write `definitions.md`: what every number, score and calibration is, from the code that computes it.

python docs/definitions.py
"""

import inspect
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reliseg.calibration import CALIBRATORS
from reliseg.metrics import METRICS, Quantity
from reliseg.registry import Registry
from reliseg.scores import SCORES

PAGE = Path(__file__).with_name("definitions.md")

_HEAD = """\
# Definitions

Generated from the code. Every row of a result table carries one of these definition ids.

The order of operations is always: upsample, project, calibrate, score. A *known* pixel has a class of the data
set, an *unknown* one shows an object that the classes do not cover, a *void* one counts nowhere. `msp` is the maximum
softmax probability. Where a value is not defined, it is empty and `why` says the reason.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *_metrics(), *_listed("Scores", SCORES), *_listed("Calibrations", CALIBRATORS)])


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    for family in METRICS.names():
        kind = METRICS.get(family)
        yield f"### {family}\n"
        yield (inspect.getdoc(kind) or "") + "\n"
        yield from _table(
            ("metric", "definition", "meaning", "range", "better"),
            ((f"`{name}`", f"`{q.definition}`", q.text, _range(q), q.better) for name, q in _quantities(kind)),
        )


def _quantities(kind: type[Any]) -> Iterable[tuple[str, Quantity]]:
    quantities: dict[str, Quantity] = dict(kind().quantities())
    return quantities.items()


def _listed(title: str, registry: Registry[Any]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from _table(("name", "meaning"), ((f"`{n}`", _first_line(registry.get(n))) for n in registry.names()))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line(tuple("---" for _ in head))
    yield from (_line(row) for row in rows)
    yield ""


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _range(quantity: Quantity) -> str:
    """The closed interval that the number lies in; an infinite end is open."""
    left, right = ("(" if math.isinf(quantity.low) else "["), (")" if math.isinf(quantity.high) else "]")
    return f"{left}{_end(quantity.low)}, {_end(quantity.high)}{right}"


def _end(value: float) -> str:
    if math.isinf(value):
        return "-inf" if value < 0 else "inf"
    return f"{value:g}"


def _first_line(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
