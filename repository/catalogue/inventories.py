"""Inventories: what a store lists beside what the catalogue says lies there, and where the two differ."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, copies, turns
from repository.catalogue.upsert import Upsert
from repository.models import Aip, Copy, Difference, Inventory
from repository.vocabulary import GIVEN_UP, DifferenceKind, bag_key

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Expected:
    """One copy that the catalogue says lies in the store."""

    key: str
    aip_id: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """One difference, as it was just seen."""

    kind: DifferenceKind
    key: str
    expected_bytes: int | None = None
    found_bytes: int | None = None
    holds: str | None = None
    aip_id: int | None = None
    """Of a copy that is to be read at once."""


@dataclass(slots=True)
class Counts:
    """How far an inventory has come; ``found`` counts the differences of each kind."""

    copies: int = 0
    objects: int = 0
    bytes: int = 0
    arriving: int = 0
    found: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Going:
    """An inventory that is ours to go on with: ``place`` and ``counts`` are as far as it had come."""

    number: int
    store: str
    started_at: datetime
    place: str
    counts: Counts
    lease: str


def begin(session: Session, store: str, at: datetime, *, lease_for: timedelta, stale: timedelta) -> Going | None:
    """The inventory of ``store`` that this caller makes now; None while somebody else is making it.

    One that was killed is gone on with, unless it began longer ago than ``stale``: what it saw then says little now.
    """
    turns.take_inventories(session)
    row = _last(session, store)
    if row is not None and row.finished_at is None:
        if _is_held(row, at):
            return None
        if not at - stale <= row.started_at <= at + copies.LONGEST_CLAIM:
            row.finished_at, row.held_up = at, row.held_up or "interrupted"
            row = None
    if row is None or row.finished_at is not None:
        row = Inventory(store=store, started_at=at, place="", copies=0, objects=0, bytes=0, arriving=0, found={})
        session.add(row)
    row.lease, row.lease_until = secrets.token_hex(16), at + lease_for
    row.held_up = None
    session.flush()
    counts = Counts(row.copies, row.objects, row.bytes, row.arriving, Counter(row.found))
    return Going(row.id, store, row.started_at, row.place, counts, row.lease)


def note(
    session: Session,
    going: Going,
    place: str,
    counts: Counts,
    differences: Sequence[Found],
    at: datetime,
    *,
    lease_until: datetime,
) -> bool:
    """Write down how far it has come and what it saw; False when another has taken it over (nothing is written)."""
    row = _ours(session, going)
    if row is None:
        return False
    row.place, row.lease_until = place, lease_until
    _set_counts(row, counts)
    rows = [
        {
            "store": going.store,
            "kind": found.kind,
            "key": found.key,
            "inventory_id": going.number,
            "expected_bytes": found.expected_bytes,
            "found_bytes": found.found_bytes,
            "holds": found.holds,
            "first_seen": at,
            "last_seen": at,
        }
        for found in differences
    ]
    _SEE(session, rows)
    return True


def end(session: Session, going: Going, counts: Counts, at: datetime, *, held_up: str | None = None) -> bool:
    """The inventory is complete: what it did not see any more is gone. Or, ``held_up``, nothing follows from it.

    False when another has taken it over.
    """
    row = _ours(session, going)
    if row is None:
        return False
    _set_counts(row, counts)
    row.finished_at, row.held_up, row.lease, row.lease_until = at, held_up, None, None
    if held_up is None:
        session.execute(
            delete(Difference).where(Difference.store == going.store, Difference.inventory_id < going.number)
        )
    return True


def pause(session: Session, going: Going, reason: str) -> None:
    """It has stopped for now (a store that does not answer, a clock that ends); whoever comes next goes on."""
    row = _ours(session, going)
    if row is not None:
        row.held_up, row.lease, row.lease_until = reason, None, None


def is_due(session: Session, store: str, at: datetime, days: float) -> bool:
    """Whether an inventory of ``store`` is to be made or gone on with."""
    row = _last(session, store)
    if row is None:
        return True
    if row.finished_at is None:
        return not _is_held(row, at)
    ahead = row.started_at > at + copies.LONGEST_CLAIM  # by a clock that has been set back since
    return ahead or row.started_at <= at - timedelta(days=days)


def _is_held(row: Inventory, at: datetime) -> bool:
    """Whether somebody is at it; a claim for longer than any is made was made by a clock that has been set back."""
    return row.lease_until is not None and at < row.lease_until <= at + copies.LONGEST_CLAIM


def last_of(session: Session, stores: Sequence[str]) -> dict[str, tuple[Inventory | None, Inventory | None]]:
    """Of each store the last inventory of all and the last that is complete."""
    return {store: (_last(session, store), _last(session, store, complete=True)) for store in stores}


def expected(catalogue: Catalogue, store: str, after: str) -> Iterator[Expected]:
    """Every copy that should lie in ``store``, in the order of the keys, from the first key greater than ``after``.

    A page and a short transaction at a time; a page ends where an article ends.
    """
    article = after.split("/")[2] if after else ""
    first = True
    while True:
        with catalogue.reading() as session:
            rows = _rows(session, store, article, inclusive=first and bool(after))
        first = False
        yield from (row for row in rows if row.key > after)
        if not rows:
            return
        article = rows[-1].key.split("/")[2]


def registered(session: Session, article_id: str, version: int, store: str) -> bool:
    """Whether the catalogue knows of this copy, at this moment, and did not give it up."""
    this = select(Copy.aip_id).join(Aip, Aip.id == Copy.aip_id)
    kept = Copy.state.not_in(GIVEN_UP)
    this = this.where(Aip.article_id == article_id, Aip.version == version, Copy.store == store, kept)
    return session.execute(this).first() is not None


def listed(
    session: Session,
    *,
    store: str | None = None,
    kind: str | None = None,
    after: tuple[str, str, str] | None = None,
    limit: int,
) -> Sequence[Difference]:
    """The differences that stand, in the order of store, kind and key, from the one after ``after``."""
    key = (Difference.store, Difference.kind, Difference.key)
    rows = select(Difference).order_by(*key).limit(limit)
    if store is not None:
        rows = rows.where(Difference.store == store)
    if kind is not None:
        rows = rows.where(Difference.kind == kind)
    if after is not None:
        rows = rows.where(tuple_(*key) > tuple_(*(literal(part) for part in after)))
    return session.execute(rows).scalars().all()


def _last(session: Session, store: str, *, complete: bool = False) -> Inventory | None:
    rows = select(Inventory).where(Inventory.store == store).order_by(Inventory.id.desc()).limit(1)
    if complete:
        rows = rows.where(Inventory.finished_at.is_not(None), Inventory.held_up.is_(None))
    return session.execute(rows).scalars().first()


def _ours(session: Session, going: Going) -> Inventory | None:
    row = session.get_one(Inventory, going.number, with_for_update=True)
    return row if row.lease == going.lease else None


def _set_counts(row: Inventory, counts: Counts) -> None:
    row.copies, row.objects, row.bytes = counts.copies, counts.objects, counts.bytes
    row.arriving, row.found = counts.arriving, dict(counts.found)


def _rows(session: Session, store: str, article: str, *, inclusive: bool) -> list[Expected]:
    beyond = Aip.article_id >= article if inclusive else Aip.article_id > article
    # Not joined: SQLite, which knows of no numbers, would read all copies of the store for every page, and sort them.
    kept = exists().where(Copy.aip_id == Aip.id, Copy.store == store, Copy.state.not_in(GIVEN_UP))
    query = select(Aip.article_id, Aip.version, Aip.id, Aip.bytes).where(kept)
    page = session.execute(query.where(beyond).order_by(Aip.article_id, Aip.version).limit(_PAGE)).all()
    if len(page) == _PAGE:
        # The versions of the last article may go on beyond the page, and v10 stands before v2 among keys.
        last = page[-1].article_id
        whole = session.execute(query.where(Aip.article_id == last)).all()
        page = [*(row for row in page if row.article_id != last), *whole]
    found = [Expected(bag_key(row.article_id, row.version), row.id, row.bytes) for row in page]
    return sorted(found, key=lambda row: row.key)


_RENEWED = ("inventory_id", "expected_bytes", "found_bytes", "holds", "last_seen")
_SEE = Upsert(Difference, lambda seen: {name: seen[name] for name in _RENEWED})
