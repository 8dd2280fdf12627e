"""One table of the catalogue as a ledger keeps it: how its rows are told, and how they are taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue

Told = Mapping[str, Any]

OVERLAP = timedelta(hours=1)
"""What was committed while the ledger before was made may bear a moment before its mark."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table, under the name of its file in the ledger."""

    name: str
    tell: Callable[[Catalogue, str | None], Iterable[Told]]
    """Its rows in the order of their keys; of one that grows, those behind the mark (None: all). In short transactions,
    however many there are.
    """
    enter: Callable[[Session, Sequence[Told], bool], None]
    """Rows that another catalogue told are rows here. Those that are there stay, unless what is told is newer."""
    key: tuple[str, ...]
    """The values by which a row is known everywhere."""
    grows: bool = False
    """Told from mark to mark; the mark is the moment of the ledger, as text."""
    moment: str | None = None
    """The value that says when a row came, in a table that grows."""
    after_bags: bool = False
    """It speaks of articles, which have to be there first."""

    @property
    def file(self) -> str:
        """Its file in the payload."""
        return f"{self.name}.jsonl"


def at_once(tell: Callable[[Session], Iterable[Told]]) -> Callable[[Catalogue, str | None], Iterable[Told]]:
    """A table of few rows, told whole."""

    def told(catalogue: Catalogue, _mark: str | None) -> Iterable[Told]:
        with catalogue.reading() as session:
            return list(tell(session))

    return told


def as_text(moment: datetime | None) -> str | None:
    """A moment as a ledger tells it."""
    return moment.isoformat() if moment else None


def as_moment(text: str | None) -> datetime | None:
    """A moment out of a ledger."""
    return datetime.fromisoformat(text) if text else None


def since(mark: str | None) -> datetime | None:
    """From which moment on a table that grows is told."""
    return datetime.fromisoformat(mark) - OVERLAP if mark is not None else None
