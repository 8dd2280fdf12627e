"""A long list of keys in parts, each of which one statement takes on every database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_AT_ONCE = 500


def parts(keys: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """``keys`` in their order, at most five hundred at a time."""
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
