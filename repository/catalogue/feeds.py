"""Feeds: what they offered, what of it was brought, and when each is looked at next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.models import Feed, FeedItem

SEEN, FETCHED, FAILED, WITHDRAWN = "seen", "fetched", "failed", "withdrawn"
_PAGE = 500
_MOST_ASKED = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a source's listing; ``set_key`` is the same for all files of one delivery."""

    name: str
    set_key: str
    version: str
    bytes: int | None
    modified: datetime | None
    withdrawn: bool = False
    """No longer to be had at the source; the delivery that it once became stays as it is."""


def state_of(session: Session, feed: str) -> Feed | None:
    """What the last look found; None when there was none."""
    return session.get(Feed, feed)


def states_of(session: Session, feeds: Sequence[str]) -> dict[str, Feed]:
    """What the last look at each of these found, by name; those that were never looked at are left out."""
    found: dict[str, Feed] = {}
    for some in parts(feeds):
        rows = session.scalars(select(Feed).where(Feed.name.in_(some)))
        found |= {row.name: row for row in rows}
    return found


def remember(session: Session, feed: str, listed: Sequence[Listed], at: datetime) -> None:
    """Enter a part of a listing (at most a thousand lines): a few statements, however many lines it has.

    A name that is new, or in another version than before, makes every file of its delivery new again.
    """
    names = [one.name for one in listed]
    found = session.execute(
        select(FeedItem.name, FeedItem.version, FeedItem.delivery_id).where(
            FeedItem.feed == feed, FeedItem.name.in_(names)
        )
    ).all()
    known = {row.name: row.version for row in found}
    became = {row.name: row.delivery_id for row in found}
    rows = [
        {
            "feed": feed,
            "name": one.name,
            "set_key": one.set_key,
            "version": one.version,
            "bytes": one.bytes,
            "modified": one.modified,
            "state": WITHDRAWN if one.withdrawn else SEEN,
            "delivery_id": became.get(one.name) if one.withdrawn else None,
            "first_seen": at,
        }
        for one in listed
        if known.get(one.name) != one.version
    ]
    if not rows:
        return
    session.execute(
        update(FeedItem)
        .where(
            FeedItem.feed == feed,
            FeedItem.set_key.in_({row["set_key"] for row in rows}),
            FeedItem.state != WITHDRAWN,
        )
        .values(state=SEEN, problem=None)
        .execution_options(synchronize_session=False)
    )
    changed = [one.name for one in listed if known.get(one.name, one.version) != one.version]
    if changed:
        forget(session, feed, changed)
    session.execute(insert(FeedItem), rows)


def not_brought(session: Session, feed: str) -> set[str]:
    """The names of the files that were not brought, at most ten thousand of them."""
    where = (FeedItem.feed == feed, FeedItem.state.in_((SEEN, FAILED)))
    return set(session.scalars(select(FeedItem.name).where(*where).limit(_MOST_ASKED)))


def sets(catalogue: Catalogue, feed: str, state: str) -> Iterator[list[FeedItem]]:
    """The files in this state, those of one delivery together; read page by page, no transaction stays open."""
    pending: list[FeedItem] = []
    after: tuple[str, str] | None = None
    while True:
        asked = select(FeedItem).where(FeedItem.feed == feed, FeedItem.state == state)
        if after is not None:
            asked = asked.where(tuple_(FeedItem.set_key, FeedItem.name) > after)
        with catalogue.reading() as session:
            page = list(session.scalars(asked.order_by(FeedItem.set_key, FeedItem.name).limit(_PAGE)))
        groups = [list(members) for _, members in groupby([*pending, *page], key=lambda row: row.set_key)]
        pending = groups.pop() if groups else []
        yield from groups
        if len(page) < _PAGE:
            break
        after = (page[-1].set_key, page[-1].name)
    if pending:
        yield pending


def brought(session: Session, feed: str, names: Sequence[str], delivery_id: str | None) -> None:
    """These files are kept as the delivery ``delivery_id``; None: as bags, which are no delivery."""
    _change(session, feed, names, state=FETCHED, delivery_id=delivery_id, problem=None)


def failed(session: Session, feed: str, names: Sequence[str], problem: str) -> None:
    """These files are not brought as they are; in another version they are tried again."""
    _change(session, feed, names, state=FAILED, problem=problem)


def troubled(session: Session, feed: str, names: Sequence[str], problem: str) -> None:
    """These files could not be brought this time, and are tried again at the next look."""
    _change(session, feed, names, problem=problem)


def item(session: Session, feed: str, name: str) -> FeedItem | None:
    """What is known of one file that the feed offered; None when it was not yet looked at."""
    return session.get(FeedItem, (feed, name))


def forget(session: Session, feed: str, names: Sequence[str]) -> None:
    """These files are no longer offered."""
    session.execute(
        delete(FeedItem)
        .where(FeedItem.feed == feed, FeedItem.name.in_(names))
        .execution_options(synchronize_session=False)
    )


def problems(session: Session, feed: str, limit: int = 20) -> list[FeedItem]:
    """The first files that were not brought and will not be as they are."""
    return list(
        session.scalars(
            select(FeedItem)
            .where(FeedItem.feed == feed, FeedItem.state == FAILED)
            .order_by(FeedItem.set_key, FeedItem.name)
            .limit(limit)
        )
    )


def withdrawn(session: Session, feed: str, limit: int = 20) -> list[FeedItem]:
    """The first files that the source says are no longer to be had, with the delivery that each once became."""
    return list(
        session.scalars(
            select(FeedItem)
            .where(FeedItem.feed == feed, FeedItem.state == WITHDRAWN)
            .order_by(FeedItem.set_key, FeedItem.name)
            .limit(limit)
        )
    )


def begin(session: Session, feed: str, at: datetime) -> None:
    """Enter the feed when it is looked at for the first time."""
    if session.get(Feed, feed) is None:
        session.add(Feed(name=feed, since=at))


def arrived(session: Session, feed: str, at: datetime) -> None:
    """A delivery of it is kept."""
    session.execute(update(Feed).where(Feed.name == feed).values(last_arrival_at=at))


def looked(session: Session, feed: str, at: datetime, next_due: datetime, error: str | None) -> None:
    """A look has ended, with an error or without; ``error_since`` stays at the first of a row of errors."""
    row = session.get_one(Feed, feed)
    row.last_looked_at, row.next_due, row.last_error = at, next_due, error
    row.error_since = (row.error_since or at) if error else None


def _change(session: Session, feed: str, names: Sequence[str], **values: object) -> None:
    session.execute(
        update(FeedItem)
        .where(FeedItem.feed == feed, FeedItem.name.in_(names))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
