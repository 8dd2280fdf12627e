"""A list walked to its end, a page and a short transaction at a time: a download of millions holds up no writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue

_T = TypeVar("_T")
_K = TypeVar("_K")
A_PAGE = 500


def every(
    catalogue: Catalogue, page: Callable[[Session, _K | None, int], Sequence[_T]], key: Callable[[_T], _K]
) -> Iterator[_T]:
    """All that ``page(session, after, limit)`` gives, whose next page begins after the ``key`` of its last.

    Raises DatabaseUnavailable.
    """
    after: _K | None = None
    while True:
        with catalogue.reading() as session:
            some = page(session, after, A_PAGE)
        yield from some
        if len(some) < A_PAGE:
            return
        after = key(some[-1])
