"""How each store stands, asked now and then and never while a page waits: whether it answers, its room, what it can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, standing
from repository.catalogue.standing import Growth, Tried
from repository.errors import MahfuzError
from repository.models import StoreAnswer
from repository.storage import Roomy, Store
from repository.storage.capabilities import Capabilities, Capability, Verdict, probe

TRIED_EVERY = timedelta(days=30)
"""A server is brought up to date now and then; but where nothing can be deleted each trial leaves small objects."""
_NOBODY = "canaries/nobody"
"""A key under which nothing lies: whoever says so has answered."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Full:
    """When the room of a store ends at the rate at which it is filled; ``days`` from now."""

    at: datetime
    days: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying one store showed, and when."""

    at: datetime
    found: Capabilities


def trials(session: Session) -> dict[str, Trial]:
    """By store, what it can, as it was tried last: by the clock, by ``mahfuz doctor`` or by ``mahfuz evidence``."""
    return {
        store: Trial(
            rows[0].tried_at,
            Capabilities(
                store, tuple(Capability(one.name, Verdict(one.verdict), one.detail, one.needed) for one in rows)
            ),
        )
        for store, rows in standing.trials(session).items()
    }


def look(catalogue: Catalogue, stores: Iterable[Store], clock: Callable[[], datetime]) -> None:
    """Every store is asked how it is, and tried where that was never done or long ago. Raises DatabaseUnavailable."""
    for store in stores:
        ask(catalogue, store, clock)
        with catalogue.reading() as session:
            known = standing.trials(session).get(store.name)
        if not known or known[0].tried_at <= clock() - TRIED_EVERY:
            keep(catalogue, probe(store), clock())


def keep(catalogue: Catalogue, found: Capabilities, at: datetime) -> None:
    """What trying a store showed is kept; of one that fell silent in the middle what was known before stays."""
    if found.verdict("answers") is not Verdict.YES:
        log.warning("a store could not be tried", store=found.store, problem=found.tried[-1].detail)
        return
    tried = [Tried(one.name, str(one.verdict), one.needed, one.detail) for one in found.tried if one.name != "answers"]
    with catalogue.writing() as session:
        standing.note_trials(session, found.store, tried, at)


def full_on(answer: StoreAnswer | None, growth: Growth | None, at: datetime) -> Full | None:
    """When the room of a store ends; None where it does not say how much there is, or nothing is added."""
    if answer is None or answer.free_bytes is None or growth is None or growth.mean is None or not growth.mean.bytes:
        return None
    days = answer.free_bytes / growth.mean.bytes
    try:
        return Full(at + timedelta(days=days), days)
    except OverflowError:
        return None


def ask(catalogue: Catalogue, store: Store, clock: Callable[[], datetime]) -> None:
    """What the store says of itself now, or its silence, is written down. Raises DatabaseUnavailable."""
    told: Mapping[str, int | None] = {}
    problem = None
    try:
        store.head(_NOBODY)
        room = store.room() if isinstance(store, Roomy) else None
        told = {"free": room.free, "total": room.total} if room else {}
    except MahfuzError as error:
        problem = str(error)
    with catalogue.writing() as session:
        standing.note_answer(session, store.name, clock(), problem=problem, **told)
