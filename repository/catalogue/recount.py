"""Tallies compared with the rows that they count, range by range and while others write; a person mends what differs.

A range is counted and its tallies are read in one snapshot, and every writer changes both in one transaction: so the
two are equal at every moment, however much is written, or a tally is wrong. Nothing has to stand still and no
transaction is long: the largest range is 65,536 AIPs with their copies. What a wrong tally is wrong *by* does not
change while others write, so it is put right by adding that.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, copies, tallies, testimony, turns
from repository.catalogue.deliveries import OF_PUBLISHER, tally_place
from repository.catalogue.tallies import BAGS_IN_A_PART, DIGITS_OF_ARTICLES, NOTHING, Count
from repository.catalogue.upsert import Upsert
from repository.models import Aip, Article, Copy, Delivery, Miscount, Publisher, Recount, Tally
from repository.vocabulary import GIVEN_UP, ArticleState, CopyState, EventType

EVERY = timedelta(days=1)
STALE = timedelta(days=2)
"""One that was interrupted is gone on with, unless it began longer ago than that."""

_WRITTEN_EVERY = 5.0
"""Seconds after which it is written down how far it has come: a killed one has counted so long in vain."""

_BAGS, _ARTICLES, _DELIVERIES = "bags", "articles", "deliveries"
_OF = {
    _BAGS: ("copies", "never verified", "aips"),
    _ARTICLES: ("articles",),
    _DELIVERIES: ("deliveries", OF_PUBLISHER),
}
"""Which tallies are counted together."""


@dataclass(frozen=True, slots=True)
class Range:
    """One part of some tallies."""

    kind: str
    part: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One tally that does not say what the rows say."""

    what: str
    part: int
    place: str
    state: str
    tallied: Count
    counted: Count


@dataclass(frozen=True, slots=True)
class Report:
    """What one comparison of all ranges came to; not ``complete`` when it was asked to stop before its end."""

    ranges: int
    rows: int
    complete: bool
    differences: tuple[Miscount, ...]


def is_due(session: Session, at: datetime) -> bool:
    """Whether the tallies are to be counted again, or an interrupted count is to be gone on with."""
    row = last(session)
    return row is None or row.finished_at is None or row.started_at <= at - EVERY


def last(session: Session, *, complete: bool = False) -> Recount | None:
    """The last comparison, or the last that came to its end."""
    rows = select(Recount).order_by(Recount.id.desc()).limit(1)
    if complete:
        rows = rows.where(Recount.finished_at.is_not(None), Recount.reached == Recount.ranges)
    return session.execute(rows).scalars().first()


def miscounts(session: Session, *, after: Sequence[Any] | None = None, limit: int) -> Sequence[Miscount]:
    """The tallies that were wrong when they were looked at last, in the order of their names."""
    key = (Miscount.what, Miscount.part, Miscount.place, Miscount.state)
    rows = select(Miscount).order_by(*key).limit(limit)
    if after is not None:
        rows = rows.where(tuple_(*key) > tuple_(*(literal(part) for part in after)))
    return session.execute(rows).scalars().all()


def run(
    catalogue: Catalogue,
    clock: Callable[[], datetime],
    *,
    stopping: Callable[[], bool] = lambda: False,
    anew: bool = False,
    rest: Callable[[], object] = lambda: None,
    progress: Callable[[int, int], None] = lambda _done, _of_all: None,
) -> Report:
    """Compare every tally with its rows; one that was interrupted goes on where it was, unless ``anew``.

    ``rest`` is called between two ranges: on SQLite a range being read keeps writers from committing, for a moment.
    Raises DatabaseUnavailable.
    """
    number, reached, rows = _begun(catalogue, clock(), anew=anew)
    ranges: list[Range] = []
    written, unwritten = time.monotonic(), False
    while True:
        if reached >= len(ranges):
            with catalogue.reading() as session:
                ranges = _ranges(session)
        progress(reached, len(ranges))
        over = reached >= len(ranges) or stopping()
        if unwritten and (over or time.monotonic() - written > _WRITTEN_EVERY):
            _reached(catalogue, number, reached, len(ranges), rows)
            written, unwritten = time.monotonic(), False
        if over:
            break
        here = ranges[reached]
        with catalogue.reading() as session:
            counted, found = _compared(session, here)
            listed = _listed(session, here)
        if found or listed:
            with catalogue.writing() as session:
                _noted(session, here, found, clock())
        reached, rows, unwritten = reached + 1, rows + counted, True
        rest()
    complete = reached >= len(ranges)
    with catalogue.writing() as session:
        if complete:
            session.get_one(Recount, number).finished_at = clock()
        found_in_all = tuple(miscounts(session, limit=1000))
    return Report(reached, rows, complete, found_in_all)


def correct(
    catalogue: Catalogue, clock: Callable[[], datetime], *, by: str, reason: str, agent: str
) -> tuple[Difference, ...]:
    """The tallies that were found wrong say what the rows say; one event tells who decided it, why, and what changed.

    What each is wrong by is looked up once more, while no other corrects.
    """
    with catalogue.writing() as session:
        turns.take_recounts(session)
        listed = session.execute(select(Miscount)).scalars().all()
        wrong = {(one.what, one.part) for one in listed}
        put_right: list[Difference] = []
        for kind, names in _OF.items():
            for part in sorted({part for what, part in wrong if what in names}):
                with catalogue.reading() as snapshot:  # begun after the turn was ours: no correction is missing in it
                    _, found = _compared(snapshot, Range(kind, part))
                put_right += found
                _forget(session, Range(kind, part))
        tallies.step(session, [_step(one) for one in put_right])
        if put_right:
            testimony.witness(
                session,
                EventType.POLICY_ASSIGNMENT,
                at=clock(),
                outcome="success",
                agent=agent,
                detail={"tallies corrected": [_told(one) for one in put_right[:100]], "number": len(put_right)}
                | {"by": by, "reason": reason},
            )
    return tuple(put_right)


def _begun(catalogue: Catalogue, at: datetime, *, anew: bool) -> tuple[int, int, int]:
    """Number, ranges done and rows counted of the comparison to go on with."""
    with catalogue.writing() as session:
        row = last(session)
        if row is not None and row.finished_at is None and (anew or row.started_at < at - STALE):
            row.finished_at, row = at, None
        if row is None or row.finished_at is not None:
            row = Recount(started_at=at, reached=0, ranges=0, rows=0)
            session.add(row)
            session.flush()
        return row.id, row.reached, row.rows


def _ranges(session: Session) -> list[Range]:
    """All ranges, always in one order; new ones come at the end."""
    of_rows = session.execute(select(func.max(Aip.id))).scalar() or 0
    of_tallies = session.execute(select(func.max(Tally.part)).where(Tally.what.in_(_OF[_BAGS]))).scalar() or 0
    bags = max(of_rows // BAGS_IN_A_PART, of_tallies) + 1
    return [
        Range(_DELIVERIES, 0),
        *(Range(_ARTICLES, part) for part in range(16**DIGITS_OF_ARTICLES)),
        *(Range(_BAGS, part) for part in range(bags)),
    ]


def _compared(session: Session, here: Range) -> tuple[int, list[Difference]]:
    """How many rows of this range were counted, and the tallies of it that say something else: in one snapshot."""
    names = _OF[here.kind]
    rows = session.execute(select(Tally).where(Tally.what.in_(names), Tally.part == here.part)).scalars()
    tallied = {(row.what, row.place, row.state): Count(row.number, row.bytes) for row in rows}
    counted, seen = _COUNTED[here.kind](session, here.part, tallied)
    differing = []
    for key in sorted({*tallied, *counted}):
        said, is_ = tallied.get(key, NOTHING), counted.get(key, NOTHING)
        if said != is_:
            what, place, state = key
            differing.append(Difference(what, here.part, place, state, said, is_))
    return seen, differing


_Key = tuple[str, str, str]
_Counts = dict[_Key, Count]


def _bags(session: Session, part: int, tallied: _Counts) -> tuple[_Counts, int]:
    low, high = part * BAGS_IN_A_PART, (part + 1) * BAGS_IN_A_PART
    silent, never = Copy.unreadable_since.is_not(None), Copy.verified_at.is_(None)
    rows = session.execute(
        select(Copy.store, Copy.state, silent, never, func.count(), func.sum(Aip.bytes))
        .join(Aip, Aip.id == Copy.aip_id)
        .where(Copy.aip_id >= low, Copy.aip_id < high)
        .group_by(Copy.store, Copy.state, silent, never)
    )
    sums: _Sums = defaultdict(lambda: [0, 0])
    seen = 0
    for store, state, is_silent, is_new, number, octets in rows:
        shown = copies.UNREADABLE if is_silent and state in (CopyState.INTACT, CopyState.UNVERIFIED) else state
        _sum(sums, ("copies", store, shown), number, octets)
        if is_new and state not in GIVEN_UP:
            _sum(sums, ("never verified", store, ""), number, octets)
        seen += number
    number, octets = session.execute(
        select(func.count(), func.coalesce(func.sum(Aip.bytes), 0)).where(Aip.id >= low, Aip.id < high)
    ).one()
    # A disposal is counted when it is over, which no row of an AIP or a copy says: so only the sum can be compared.
    given_up = tallied.get(("aips", "", "disposed"), NOTHING)
    sums["aips", "", "disposed"] = [given_up.number, given_up.bytes]
    sums["aips", "", "kept"] = [number - given_up.number, int(octets) - given_up.bytes]
    return _as_counts(sums), seen + number


def _articles(session: Session, part: int, _tallied: _Counts) -> tuple[_Counts, int]:
    low, high = (f"{edge:0{DIGITS_OF_ARTICLES}x}" for edge in (part, part + 1))
    if part + 1 == 16**DIGITS_OF_ARTICLES:
        high = "g"
    within = (Article.id >= low, Article.id < high)
    all_of_them = session.execute(select(func.count()).where(*within)).scalar_one()
    # Nearly all are active: they are what the index of the others leaves, so that no article's row is read.
    rows = session.execute(
        select(Article.state, func.count())
        .where(*within, Article.state != literal(ArticleState.ACTIVE.value, literal_execute=True))
        .group_by(Article.state)
    )
    counts: _Counts = {("articles", "", state): Count(number, 0) for state, number in rows}
    others = sum(count.number for count in counts.values())
    counts["articles", "", ArticleState.ACTIVE.value] = Count(all_of_them - others, 0)
    return counts, all_of_them


def _deliveries(session: Session, _part: int, _tallied: _Counts) -> tuple[_Counts, int]:
    rows = session.execute(
        select(Publisher.slug, Delivery.state, func.count(), func.sum(Delivery.bytes))
        .join(Publisher, Publisher.id == Delivery.publisher_id)
        .group_by(Publisher.slug, Delivery.state)
    )
    sums: _Sums = defaultdict(lambda: [0, 0])
    seen = 0
    for slug, state, number, octets in rows:
        _sum(sums, ("deliveries", "", state), number, octets)
        _sum(sums, (OF_PUBLISHER, tally_place(slug), state), number, octets)
        seen += number
    return _as_counts(sums), seen


_COUNTED = {_BAGS: _bags, _ARTICLES: _articles, _DELIVERIES: _deliveries}
_Sums = defaultdict[_Key, list[int]]


def _sum(sums: _Sums, key: _Key, number: int, octets: int) -> None:
    sums[key][0] += int(number)
    sums[key][1] += int(octets)


def _as_counts(sums: _Sums) -> _Counts:
    return {key: Count(*both) for key, both in sums.items()}


def _reached(catalogue: Catalogue, number: int, reached: int, ranges: int, rows: int) -> None:
    with catalogue.writing() as session:
        row = session.get_one(Recount, number)
        row.reached, row.ranges, row.rows = reached, ranges, rows


def _listed(session: Session, here: Range) -> Sequence[Miscount]:
    within = (Miscount.what.in_(_OF[here.kind]), Miscount.part == here.part)
    return session.execute(select(Miscount).where(*within)).scalars().all()


def _noted(session: Session, here: Range, found: Iterable[Difference], at: datetime) -> None:
    """What was found in this range stands, and what is right again stands no more."""
    keys = {(one.what, one.place, one.state) for one in found}
    for row in _listed(session, here):
        if (row.what, row.place, row.state) not in keys:
            session.delete(row)
    session.flush()
    _SEE(session, [_miscount(one, at) for one in found])


def _forget(session: Session, here: Range) -> None:
    session.execute(delete(Miscount).where(Miscount.what.in_(_OF[here.kind]), Miscount.part == here.part))


def _miscount(one: Difference, at: datetime) -> dict[str, Any]:
    key = {"what": one.what, "part": one.part, "place": one.place, "state": one.state}
    said = {"tallied": one.tallied.number, "tallied_bytes": one.tallied.bytes}
    is_ = {"counted": one.counted.number, "counted_bytes": one.counted.bytes}
    return key | said | is_ | {"first_seen": at, "last_seen": at}


def _step(one: Difference) -> tallies.Step:
    number, octets = one.counted.number - one.tallied.number, one.counted.bytes - one.tallied.bytes
    return tallies.Step(one.what, one.state, number, octets, one.place, one.part)


def _told(one: Difference) -> dict[str, Any]:
    return {**asdict(one), "tallied": asdict(one.tallied), "counted": asdict(one.counted)}


_SEE = Upsert(
    Miscount,
    lambda seen: {name: seen[name] for name in ("tallied", "tallied_bytes", "counted", "counted_bytes", "last_seen")},
)
