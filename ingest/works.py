"""Deliveries of one journal that may hold one work under two descriptions are judged and kept one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from repository.catalogue import Catalogue
from repository.catalogue.alone import alone
from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord

_LOCKS = 64


@contextmanager
def alone_with(
    catalogue: Catalogue, home: Path, records: Iterable[ArticleRecord], *, shared: bool = True
) -> Iterator[bool]:
    """Nobody else takes in a work of these journals that could be one of these; whether nobody else is there at all.

    An article without a DOI is the same work as one with it, or as the one ahead of print, when that is registered;
    of two that come at once each would find the other not yet there. Deliveries in which every article has its DOI
    share the journal: two DOIs are never one work, and of one DOI the versions are told apart where they are kept. Not
    where one of them proves to be an article that is held under another id, as one that had no DOI is: two could find
    the same one. Then it is to be judged again without ``shared``.
    """
    records = list(records)
    names = {f"journals-{_number(name):02}" for record in records for name in _names(record)}
    shared = shared and all(record.doi for record in records)
    with alone(catalogue, home, *names, shared=shared):
        yield not shared


def _names(record: ArticleRecord) -> Iterator[str]:
    yield from record.issns
    if record.journal_title:
        yield tr_fold(record.journal_title)


def _number(name: str) -> int:
    """Few files do for all journals: that two of them share one costs a little waiting."""
    return hashlib.sha256(name.encode()).digest()[0] % _LOCKS
