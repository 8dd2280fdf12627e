"""A long list of keys or rows in parts, each of which one statement takes on every database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")
AT_ONCE = 500


def parts(things: Iterable[_T], most: int = AT_ONCE) -> Iterator[list[_T]]:
    """``things`` in their order, at most so many at a time; no more of them are taken than have been asked for."""
    rest = iter(things)
    while some := list(islice(rest, most)):
        yield some
