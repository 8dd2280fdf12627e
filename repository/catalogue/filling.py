"""Stores that were added: which bags they lack still, what was copied into them, and when that comes to its end.

Every AIP is looked at once for each store, in the order of their numbers; up to where is written down, and what could
not be copied on the way has a row of its own. So it costs what is new, however large the archive is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import contents, copies, disposals, tallies, testimony
from repository.catalogue.copies import CopyRef
from repository.catalogue.tallies import NOTHING, Count
from repository.catalogue.upsert import Upsert
from repository.models import Aip, Article, Copy, Disposal, Lacking, Notice, StoreEntry
from repository.promise import Promises
from repository.vocabulary import CopyState, EventType, as_utc_text

SETTLED = timedelta(minutes=10)
"""Numbers of AIPs are given before they can be seen: what is younger is looked at again."""

SOON = timedelta(seconds=10)
"""A pace that was measured for a shorter time says nothing of the end."""

_GIVEN_UP_ALREADY = "two people are giving it up in the other stores"


@dataclass(frozen=True, slots=True)
class Going:
    """A store that this caller fills now."""

    store: str
    reached: int
    lease: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A bag that was put into a store and read back there; ``source``: from where."""

    ref: CopyRef
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NotYet:
    """A bag that could not be copied, why, and when it is tried again."""

    ref: CopyRef
    problem: str
    again: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How a store stands: what it lacks of all that is kept, and when it will have it at the present pace."""

    store: str
    since: datetime
    filled_at: datetime | None
    lacks: Count
    copied: Count
    problems: int
    held_up: str | None
    at_work: bool
    bytes_a_second: float | None
    ends_at: datetime | None
    retired_at: datetime | None

    @property
    def whole(self) -> bool:
        """Whether everything lies in it."""
        return self.filled_at is not None and not self.lacks.number

    def as_json(self) -> dict[str, Any]:
        """As ``mahfuz status`` and ``mahfuz store list`` tell it."""
        moments = ("since", "filled_at", "ends_at", "retired_at")
        return {
            "state": "retired" if self.retired_at else "filled" if self.whole else "filling",
            "lacks": self.lacks.number,
            "lacks_bytes": self.lacks.bytes,
            "problems": self.problems,
            "bytes_a_second": round(self.bytes_a_second) if self.bytes_a_second else None,
            "held_up": self.held_up,
            **{name: as_utc_text(at) if (at := getattr(self, name)) else None for name in moments},
        }

    def __str__(self) -> str:
        if self.retired_at:
            return f"retired on {self.retired_at:%Y-%m-%d}"
        if self.whole:
            return "has all that is kept"
        words = [f"lacks {self.lacks.number} bags of {self.lacks.bytes} bytes"]
        words += [f"all of it on {self.ends_at:%Y-%m-%d %H:%M} UTC"] if self.ends_at else []
        words += [f"{self.problems} could not be copied"] if self.problems else []
        words += [f"held up: {self.held_up}"] if self.held_up else []
        return ", ".join(words)


def begin(session: Session, store: str, at: datetime, *, lease_for: timedelta) -> Going | None:
    """The caller fills ``store`` from now on; None while somebody else does, and for one that was given up."""
    row = session.get(StoreEntry, store, with_for_update=True, populate_existing=True)
    if row is None:
        _known(session, [store], at)
        row = session.get_one(StoreEntry, store, with_for_update=True, populate_existing=True)
    held = row.lease_until is not None and at < row.lease_until <= at + copies.LONGEST_CLAIM
    if held or row.retired_at is not None:
        return None
    row.lease, row.lease_until = secrets.token_hex(16), at + lease_for
    session.flush()
    return Going(store, row.reached, row.lease)


def know(session: Session, at: datetime) -> None:
    """Every store in which there is a copy has its entry, also one that was taken out of the settings long ago."""
    known = set(session.execute(select(StoreEntry.store)).scalars())
    new = sorted(copies.stores_with_copies(session) - known)
    _known(session, new, at)


def _known(session: Session, stores: Iterable[str], at: datetime) -> None:
    _ENTER(session, [{"store": name, "since": at, "reached": 0, "copied": 0, "copied_bytes": 0} for name in stores])


def look(session: Session, store: str, after: int, *, limit: int) -> tuple[int, list[CopyRef], list[str]]:
    """The next AIPs behind ``after``: the number of the last, those that ``store`` lacks, and the articles of all.

    ``after`` itself is returned where there is no more.
    """
    here = (Copy.aip_id == Aip.id) & (Copy.store == store)
    rows = session.execute(
        select(Aip.id, Aip.article_id, Copy.store).outerjoin(Copy, here)
        .where(Aip.id > after).order_by(Aip.id).limit(limit)
    ).all()  # fmt: skip
    lacking = _refs(session, store, [row.id for row in rows if row.store is None])
    articles = sorted({row.article_id for row in rows})
    return (rows[-1].id if rows else after), lacking, articles


def again(session: Session, store: str, at: datetime, *, limit: int) -> list[CopyRef]:
    """Bags that could not be copied before and are to be tried again by ``at``."""
    rows = (
        select(Lacking.aip_id)
        .where(Lacking.store == store, Lacking.next_try <= at)
        .order_by(Lacking.next_try, Lacking.aip_id)
        .limit(limit)
    )
    return _refs(session, store, session.execute(rows).scalars().all())


def notices(session: Session, articles: Sequence[str]) -> Sequence[Notice]:
    """What lies beside the bags of these articles."""
    rows = select(Notice).where(Notice.article_id.in_(articles)).order_by(Notice.article_id, Notice.number)
    return session.execute(rows).scalars().all()


def being_given_up(session: Session, refs: Sequence[CopyRef]) -> dict[CopyRef, str]:
    """Those of these bags that are not to be copied: a disposal of them is under way, or was carried out."""
    articles = sorted({ref.article_id for ref in refs})
    rows = select(Disposal).where(Disposal.article_id.in_(articles), Disposal.state.in_(disposals.OPEN))
    going = {(row.article_id, bag["version"]) for row in session.execute(rows).scalars() for bag in row.bags}
    return {ref: _GIVEN_UP_ALREADY for ref in refs if (ref.article_id, ref.version) in going}


def enter(
    session: Session,
    going: Going,
    copied: Sequence[Copied],
    not_yet: Sequence[NotYet],
    gone: Sequence[CopyRef],
    promises: Promises,
    at: datetime,
    agent: str,
) -> bool:
    """What was copied is a copy like every other from now on, with its event; what was not has its row.

    ``gone``: bags that were given up in every store before: so they are here. False, and nothing is written, when
    somebody else fills the store by now.
    """
    row = session.get_one(StoreEntry, going.store, with_for_update=True, populate_existing=True)
    if row.lease != going.lease or row.retired_at is not None:
        return False
    done = [one.ref.aip_id for one in copied] + [ref.aip_id for ref in gone]
    known = select(Copy.aip_id).where(Copy.store == going.store, Copy.aip_id.in_(done))
    there = set(session.execute(known).scalars())
    new = {one.ref.aip_id: one for one in copied if one.ref.aip_id not in there}
    aips = {aip.id: aip for aip in session.execute(select(Aip).where(Aip.id.in_([*new]))).scalars()}
    steps = copies.enter(
        session,
        [(aips[number], {going.store: one.at}, promises.of(one.ref.content)) for number, one in new.items()],
        at,
    )
    rows = [ref for ref in gone if ref.aip_id not in there]
    if rows:
        told = {"store": going.store, "state": CopyState.DISPOSED, "next_due": copies.NEVER_DUE}
        session.connection().execute(insert(Copy), [{"aip_id": ref.aip_id, **told} for ref in rows])
        steps += [
            tallies.Step("copies", CopyState.DISPOSED, 1, ref.bytes, going.store, tallies.part_of_bag(ref.aip_id))
            for ref in rows
        ]
    tallies.step(session, steps)
    for one in new.values():
        testimony.witness(
            session,
            EventType.REPLICATION,
            at=one.at,
            outcome="success",
            agent=agent,
            detail={"seal": one.ref.seal, "bytes": one.ref.bytes, "source": one.source},
            article_id=one.ref.article_id,
            version=one.ref.version,
            store=going.store,
        )
    if done:
        session.execute(delete(Lacking).where(Lacking.store == going.store, Lacking.aip_id.in_(done)))
    _LACK(
        session,
        [
            {"store": going.store, "aip_id": one.ref.aip_id, "since": at, "next_try": one.again, "problem": one.problem}
            for one in not_yet
        ],
    )
    if new:
        row.began_at = row.began_at or at
        row.copied += len(new)
        row.copied_bytes += sum(one.ref.bytes for one in new.values())
    session.flush()
    return True


def note(
    session: Session,
    going: Going,
    at: datetime,
    *,
    reached: int | None = None,
    held_up: str | None = None,
    lease_for: timedelta | None = None,
    begins: bool = False,
    agent: str = "",
    ended: bool = False,
) -> bool:
    """How far it has come; False when somebody else fills the store by now.

    ``reached`` goes no further than what is settled. Without ``lease_for`` the store is given back; ``ended``: all was
    looked at, so that the store has everything where it lacks nothing by now.
    """
    row = session.get_one(StoreEntry, going.store, with_for_update=True, populate_existing=True)
    if row.lease != going.lease:
        return False
    if begins:
        row.began_at, row.copied, row.copied_bytes = at, 0, 0
    if reached is not None:
        row.reached = max(row.reached, min(reached, _settled(session, at)))
    row.noted_at, row.held_up = at, held_up
    row.lease, row.lease_until = (row.lease, at + lease_for) if lease_for else (None, None)
    if ended and row.filled_at is None and not lacks(session, going.store).number:
        row.filled_at = at
        testimony.witness(
            session,
            EventType.POLICY_ASSIGNMENT,
            at=at,
            outcome="success",
            agent=agent,
            detail={"decision": "every bag that is kept lies in this store", "since": f"{row.since:%F}"},
            store=going.store,
        )
    session.flush()
    return True


def lacks(session: Session, store: str) -> Count:
    """How much of all that is kept does not lie in ``store``, by the tallies."""
    return _lacks(session, [store])[store]


def progress(session: Session, at: datetime) -> dict[str, Progress]:
    """How each store stands that was ever in the settings of a clock."""
    found = session.execute(select(StoreEntry).order_by(StoreEntry.store)).scalars().all()
    left = _lacks(session, [row.store for row in found])
    return {row.store: _progress(session, row, NOTHING if row.retired_at else left[row.store], at) for row in found}


def _lacks(session: Session, stores: Sequence[str]) -> dict[str, Count]:
    every = sum(tallies.of(session, "aips").values(), NOTHING)
    here = dict.fromkeys(stores, NOTHING)
    for (place, _), one in tallies.of(session, "copies").items():
        if place in here:
            here[place] += one
    return {
        store: Count(max(0, every.number - one.number), max(0, every.bytes - one.bytes)) for store, one in here.items()
    }


def retired(session: Session) -> dict[str, datetime]:
    """The stores that were given up, and since when."""
    rows = select(StoreEntry.store, StoreEntry.retired_at).where(StoreEntry.retired_at.is_not(None))
    return {row.store: row.retired_at for row in session.execute(rows)}


def problems(session: Session, store: str, *, after: int = 0, limit: int) -> Sequence[tuple[Lacking, Aip]]:
    """The bags that could not be copied into ``store``, in the order of their numbers."""
    rows = select(Lacking, Aip).join(Aip, Aip.id == Lacking.aip_id).order_by(Lacking.aip_id).limit(limit)
    found = session.execute(rows.where(Lacking.store == store, Lacking.aip_id > after))
    return [(row.Lacking, row.Aip) for row in found]


def _progress(session: Session, row: StoreEntry, left: Count, at: datetime) -> Progress:
    troubled = select(func.count()).select_from(Lacking).where(Lacking.store == row.store)
    at_work = row.lease_until is not None and at < row.lease_until
    pace = ends = None
    if row.began_at is not None and row.noted_at is not None and row.noted_at - row.began_at >= SOON and left.number:
        pace = row.copied_bytes / (row.noted_at - row.began_at).total_seconds() or None
    if pace and at_work and left.number:
        ends = at + min(timedelta(seconds=left.bytes / pace), timedelta(days=36500))
    return Progress(
        store=row.store,
        since=row.since,
        filled_at=row.filled_at,
        lacks=left,
        copied=Count(row.copied, row.copied_bytes),
        problems=session.execute(troubled).scalar_one(),
        held_up=row.held_up,
        at_work=at_work,
        bytes_a_second=pace,
        ends_at=ends,
        retired_at=row.retired_at,
    )


def _settled(session: Session, at: datetime) -> int:
    """The number up to which no AIP can come any more."""
    numbered = select(Aip.id, Aip.registered_at)
    last = session.execute(numbered.order_by(Aip.id.desc()).limit(1)).first()
    if last is None:
        return 0
    if last.registered_at <= at - SETTLED:
        return int(last.id)
    low, high = 0, int(last.id)  # numbers and moments rise together, give or take what is settled meanwhile
    while low < high:
        middle = (low + high + 1) // 2
        found = session.execute(numbered.where(Aip.id >= middle).order_by(Aip.id).limit(1)).one()
        low, high = (middle, high) if found.registered_at <= at - SETTLED else (low, middle - 1)
    return low


def _refs(session: Session, store: str, aip_ids: Iterable[int]) -> list[CopyRef]:
    rows = session.execute(
        select(Aip.id, Aip.article_id, Aip.version, Aip.seal, Aip.bytes, Article.title_id, Article.publisher_id)
        .join(Article, Article.id == Aip.article_id)
        .where(Aip.id.in_(list(aip_ids)))
        .order_by(Aip.id)
    ).all()
    held = contents.contents(session, [(row.title_id, row.publisher_id) for row in rows])
    return [
        CopyRef(
            row.id, store, row.article_id, row.version, row.seal, row.bytes,
            content=held[row.title_id, row.publisher_id], publisher=row.publisher_id,
        )
        for row in rows
    ]  # fmt: skip


_ENTER = Upsert(StoreEntry)
_LACK = Upsert(Lacking, lambda new: {"next_try": new.next_try, "problem": new.problem})
