"""Values from outside checked against types, by pydantic."""

from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


@cache
def checker(kind: type[T]) -> TypeAdapter[T]:
    """Return what checks values of a type. It is made when it is asked for first: that takes milliseconds."""
    return TypeAdapter(kind)
