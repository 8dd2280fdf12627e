"""The chain of events: each is linked to all that were told before it, so that none is changed or taken away unseen.

An event is written in the transaction of the act that it is about, and linked soon afterwards. The order of
the chain is the order of linking: two that commit side by side wait for nobody, and leave no hole. The row of
:class:`~repository.models.ChainEnd` is locked while events are linked, so one process does it at a time; and
because linking goes on from that row, and not from the last event that is found, events cut off the end of the
chain leave a hole in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, text, update
from sqlalchemy.orm import Session

from repository.canonical import form
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.models import ChainEnd, Event

START = bytes(32)
"""What stands before the first event instead of a hash."""

BATCH = 1000
"""Events linked in one transaction, and read at a time."""

_EVENT = Event.__table__
_LINK = (
    update(_EVENT)  # type: ignore[arg-type]
    .where(_EVENT.c.id == bindparam("this"))
    .values(position=bindparam("place"), hash=bindparam("linked"))
)


@dataclass(frozen=True, slots=True)
class End:
    """Where the chain ends: its last position, which is also the number of its events, and the hash there."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """One event as it stands in the chain; ``hash`` is the one that was kept, whether or not it is right."""

    position: int
    hash: bytes
    event: dict[str, Any]


def line(link: Link) -> bytes:
    """A link as one line of an export, which docs/verify_events.py reads."""
    return json.dumps({"event": link.event, "hash": link.hash.hex()}, ensure_ascii=False).encode() + b"\n"


def hash_of(before: bytes, event: dict[str, Any]) -> bytes:
    """SHA-256 of the 32 octets of the hash before and of the event's canonical form."""
    return hashlib.sha256(before + form(event)).digest()


def as_told(row: Event | Row[Any], position: int | None) -> dict[str, Any]:
    """The event as it is hashed, listed and exported; its moment to the microsecond, as it is kept."""
    return {
        "position": position,
        "id": row.id,
        "type": row.type,
        "at": row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "outcome": row.outcome,
        "agent": row.agent,
        "detail": row.detail,
        "article": row.article_id,
        "version": row.version,
        "store": row.store,
        "delivery": row.delivery_id,
    }


def link(session: Session, *, limit: int = BATCH) -> int:
    """Link the next events, at most ``limit``; how many they were. Whoever else links waits until our commit."""
    end = session.execute(
        select(ChainEnd).where(ChainEnd.id == 1).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    rows = session.execute(select(_EVENT).where(Event.position.is_(None)).order_by(Event.id).limit(limit)).all()
    position, linked = end.position, end.hash
    links = []
    for row in rows:
        position += 1
        linked = hash_of(linked, as_told(row, position))
        links.append({"this": row.id, "place": position, "linked": linked})
    if links:
        session.connection().execute(_LINK, links)
        end.position, end.hash = position, linked
        session.flush()
    return len(links)


def link_all(catalogue: Catalogue, stopping: Callable[[], bool] = lambda: False) -> int:
    """Every event that was there is linked, in short transactions; how many were new. Raises DatabaseUnavailable."""
    total = 0
    while not stopping():
        with catalogue.reading() as session:
            if session.execute(select(Event.id).where(Event.position.is_(None)).limit(1)).first() is None:
                return total
        with catalogue.writing() as session:
            total += link(session)
    return total


def take_up(session: Session, told: Sequence[tuple[dict[str, Any], bytes]]) -> int:
    """Events of this very chain that are told elsewhere stand behind its end again, as they were; how many are new.

    ``told``: events as :func:`as_told` gives them, each with its hash, in their order. Those that stand already are
    passed over. Raises ValueError, and enters nothing, where they are not the continuation of this chain.
    """
    end = session.execute(
        select(ChainEnd).where(ChainEnd.id == 1).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    position, linked = end.position, end.hash
    rows: list[dict[str, Any]] = []
    for event, kept in told:
        if event["position"] <= end.position:
            continue
        position += 1
        if event["position"] != position or hash_of(linked, event) != kept:
            raise ValueError(f"the event at position {event['position']} does not follow on the one at {position - 1}")
        linked = kept
        rows.append(_row(event, kept))
    waiting = _waiting(session, [row["id"] for row in rows])
    for row in rows:
        if row["id"] in waiting and _row(as_told(waiting[row["id"]], row["position"]), row["hash"]) != row:
            raise ValueError(f"another event than that at position {row['position']} has its number")
    if waiting:
        marks = [{"this": r["id"], "place": r["position"], "linked": r["hash"]} for r in rows if r["id"] in waiting]
        session.connection().execute(_LINK, marks)
    if new := [row for row in rows if row["id"] not in waiting]:
        session.connection().execute(insert(Event), new)
    end.position, end.hash = position, linked
    session.flush()
    if rows and session.get_bind().dialect.name == "postgresql":  # SQLite goes on behind the greatest by itself
        session.execute(text("SELECT setval(pg_get_serial_sequence('event', 'id'), (SELECT max(id) FROM event))"))
    return len(rows)


def _row(event: dict[str, Any], kept: bytes) -> dict[str, Any]:
    return {
        "id": event["id"],
        "type": event["type"],
        "at": datetime.fromisoformat(event["at"]),
        "outcome": event["outcome"],
        "agent": event["agent"],
        "detail": event["detail"],
        "article_id": event["article"],
        "version": event["version"],
        "store": event["store"],
        "delivery_id": event["delivery"],
        "position": event["position"],
        "hash": kept,
    }


def _waiting(session: Session, ids: Sequence[int]) -> dict[int, Row[Any]]:
    """Those of these events that are there and in no chain yet."""
    found: dict[int, Row[Any]] = {}
    for some in parts(ids):
        rows = session.execute(select(_EVENT).where(Event.id.in_(some))).all()
        if any(row.position is not None for row in rows):
            raise ValueError("an event of the same number stands elsewhere in the chain")
        found |= {row.id: row for row in rows}
    return found


def end_of(session: Session) -> End:
    """Where the chain ends now."""
    row = session.get_one(ChainEnd, 1)
    return End(row.position, row.hash)


def hash_at(session: Session, position: int) -> bytes | None:
    """The hash that is kept at ``position``; None where there is none."""
    return session.execute(select(Event.hash).where(Event.position == position)).scalar_one_or_none()


def first_told(session: Session) -> datetime | None:
    """The moment of the first event in the chain; None while it is empty."""
    return session.execute(select(Event.at).where(Event.position == 1)).scalar_one_or_none()


def beyond(session: Session) -> int:
    """How many events say of themselves that they stand behind the end of the chain.

    Asked in one statement: whoever links meanwhile moves both or neither.
    """
    end = select(ChainEnd.position).where(ChainEnd.id == 1).scalar_subquery()
    return session.execute(select(func.count()).select_from(Event).where(Event.position > end)).scalar_one()


def walk(catalogue: Catalogue, *, until: int, after: int = 0) -> Iterator[Link]:
    """The linked events behind ``after`` up to position ``until``, in order, a page and a short transaction at a time.

    An event that cannot be read, because somebody spoilt its row, has only its position, and no hash that fits.
    """
    while after < until:
        with catalogue.reading() as session:
            page = _page(session, after, until)
        yield from page
        if len(page) < BATCH:
            return
        after = page[-1].position


def _page(session: Session, after: int, until: int) -> list[Link]:
    here = (Event.position > after, Event.position <= until)
    try:
        rows = session.execute(select(_EVENT).where(*here).order_by(Event.position).limit(BATCH)).all()
        return [Link(row.position or 0, row.hash or b"", as_told(row, row.position)) for row in rows]
    except (ValueError, TypeError, AttributeError):
        places = session.execute(select(Event.position).where(*here).order_by(Event.position).limit(BATCH)).scalars()
        return [_alone(session, place or 0) for place in places.all()]


def _alone(session: Session, position: int) -> Link:
    try:
        row = session.execute(select(_EVENT).where(Event.position == position)).one()
        return Link(position, row.hash or b"", as_told(row, position))
    except (ValueError, TypeError, AttributeError):
        return Link(position, hash_at(session, position) or b"", {"position": position})


def unlinked(session: Session, told_before: datetime) -> int:
    """How many events that were told before this moment are not in the chain."""
    waiting = select(func.count()).select_from(Event).where(Event.position.is_(None), Event.at < told_before)
    return session.execute(waiting).scalar_one()
