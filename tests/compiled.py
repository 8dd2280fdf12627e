"""Statements compiled once in a process, for all its catalogues: each test has one of its own, and says the same.

To make the SQL of a statement takes longer than to carry it out in an empty catalogue. SQLAlchemy keeps it for each
engine; here every engine of one kind of database keeps it in one place.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from repository import catalogue

_MOST = 5000


class _Shared(LRUCache[Any, Any]):
    """Knows a dialect by its kind, for all of one kind are set up alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        dialect, *rest = key
        return super().get((type(dialect), *rest), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        dialect, *rest = key
        super().__setitem__((type(dialect), *rest), value)


_KEPT = _Shared(_MOST)
_engine = catalogue._engine


def once() -> None:
    """From now on, in this process, new catalogues compile no statement that one before them compiled."""

    def engine(url: str) -> Engine:
        made = _engine(url)
        made._compiled_cache = _KEPT
        return made

    catalogue._engine = engine
