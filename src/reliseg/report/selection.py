"""Rows of a table by names that a user gives."""

from collections.abc import Callable, Iterable, Sequence

from reliseg.errors import ConfigError, suggestion
from reliseg.results import Row


def pick_rows(rows: Sequence[Row], wanted: Iterable[tuple[str, Sequence[str]]], where: str) -> tuple[Row, ...]:
    """Return the rows that have in each of these columns one of these names.

    A domain is called `DATA/DOMAIN` or `DOMAIN`. Where no row has a name, beside those of the columns before, a
    ConfigError says which names there are; it begins with `where`.
    """
    picked = tuple(rows)
    said: list[str] = []
    for column, names in wanted:
        names_of = row_names(column)
        for name in names:
            if not any(name in names_of(row) for row in picked):
                which = f" with {' and '.join(said)}" if said else ""
                known = dict.fromkeys(names_of(row)[0] or '""' for row in picked)
                raise ConfigError(f"{where}: no row{which} has {column} {name!r}; {suggestion(name, known)}")
        picked = tuple(row for row in picked if not set(names).isdisjoint(names_of(row)))
        said.append(f"{column} {' or '.join(map(repr, names))}")
    return picked


def row_names(column: str) -> Callable[[Row], tuple[str, ...]]:
    """Return what tells how a row may be called in a column; what is shown of it comes first."""
    if column == "domain":
        return lambda row: (f"{row.dataset}/{row.domain}", row.domain)
    field = "class_" if column == "class" else column
    return lambda row: (getattr(row, field),)


def unsaid_split(row: Row) -> str:
    """Return the split that a row's threshold or calibration is from, where the calibration's name does not say it."""
    return "" if row.calibration.partition("@")[2] == row.fitted_on else row.fitted_on
