"""Blocks of pixels on several threads, their results in the order of the blocks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(function: Callable[[Item], Result], items: Iterator[Item], threads: int) -> Iterator[Result]:
    """Yield `function` of each item, in their order; a few at a time: a sample may not fit in memory."""
    with ThreadPoolExecutor(threads) as pool:
        while some := list(islice(items, 2 * threads)):
            yield from pool.map(function, some)
