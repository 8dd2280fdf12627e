"""A change is announced under a moment that harvesters have not passed yet when it becomes visible to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, changes


def is_overtaken(catalogue: Catalogue, datestamp: datetime) -> bool:
    """Whether the clock had reached ``datestamp`` before its commit was done: a harvester may have gone past it."""
    with catalogue.reading() as session:
        return changes.now(session) >= datestamp


def in_time(
    catalogue: Catalogue, datestamp: datetime, again: Callable[[Session, datetime], datetime | None]
) -> datetime:
    """``datestamp``, or the one under which the change was announced ``again`` because the clock had reached it.

    ``again`` gives the new one, or None where a later change of the same article has been announced since.
    """
    while is_overtaken(catalogue, datestamp):
        with catalogue.writing() as session:
            later = again(session, datestamp)
        if later is None:
            break
        datestamp = later
    return datestamp
