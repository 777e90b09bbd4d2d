"""Which rows of a table users mean by names: one or several for a column, a domain with or without its data set."""

from collections.abc import Sequence
from typing import Any


def choose(values: Sequence[Any], wanted: Any, datasets: Sequence[str] | None = None) -> list[int]:
    """Return the places of the values that are the wanted one, or one of several in a list.

    Of domains `datasets` are given: `camvid/dusk` is `dusk` of `camvid`, as the name of a domain has no slash.
    """
    names = set(wanted) if isinstance(wanted, list | tuple | set | frozenset) else {wanted}
    if datasets is None:
        return [i for i, value in enumerate(values) if value in names]
    pairs = zip(values, datasets, strict=True)
    return [i for i, (value, dataset) in enumerate(pairs) if value in names or f"{dataset}/{value}" in names]
