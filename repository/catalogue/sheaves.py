"""Records that lie ready, in runs along the feed: found by the place at which they end, one range for a page."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from repository.catalogue.straight import Straight, moment_of
from repository.catalogue.upsert import Upsert
from repository.models import Article, Change, Moment, Sheaf, SheafForm

Place = tuple[datetime, int]
"""A datestamp and a change number: where in the feed something stands."""

BEGINNING: Place = (datetime(1, 1, 1, tzinfo=UTC), 0)

_ENTER = insert(Sheaf)
_BEGIN = Upsert(SheafForm)


@dataclass(frozen=True, slots=True)
class Lying:
    """One sheaf, read or to be entered; ``ends`` are where its records end in the text that ``deflated`` holds."""

    first: Place
    last: Place
    size: int
    crc: int
    numbers: Sequence[int]
    ends: Sequence[int]
    deflated: bytes
    id: int = 0


_TABLE = Sheaf.__table__.c
_ORDER = (_TABLE.last_datestamp, _TABLE.last_number)
_LAST = tuple_(*_ORDER)
_COLUMNS = (
    _TABLE.id,
    _TABLE.first_datestamp,
    _TABLE.first_number,
    _TABLE.last_datestamp,
    _TABLE.last_number,
    _TABLE.size,
    _TABLE.crc,
    _TABLE.numbers,
    _TABLE.ends,
    _TABLE.deflated,
)
_PLACE = tuple_(bindparam("datestamp", type_=Moment()), bindparam("number", type_=BigInteger()))

# These two are all that a page of the whole feed costs the catalogue, beside harvest.latest.
_OF_FORM = _TABLE.form == bindparam("form")
_NEXT = (
    _TABLE.last_datestamp,
    _TABLE.last_number,
    _TABLE.size,
    _TABLE.crc,
    _TABLE.numbers,
    _TABLE.deflated,
)
_FOLLOWING = Straight(select(*_NEXT).where(_OF_FORM, _LAST > _PLACE).order_by(*_ORDER).limit(bindparam("most")))
_ARTICLE = Article.__table__.c
_FEED_PLACE = tuple_(_ARTICLE.datestamp, _ARTICLE.change_number)
_END = tuple_(bindparam("last_datestamp", type_=Moment()), bindparam("last_number", type_=BigInteger()))
_COUNTED = Straight(
    select(func.count(), func.sum(_ARTICLE.change_number)).where(_FEED_PLACE > _PLACE, _FEED_PLACE <= _END)
)


@dataclass(frozen=True, slots=True)
class Ready:
    """A sheaf that goes out whole; ``numbers`` packed as they lie."""

    last: Place
    size: int
    crc: int
    numbers: bytes
    deflated: bytes

    @property
    def records(self) -> int:
        """How many it holds."""
        return len(self.numbers) // 8


def following(session: Session, form: str, place: Place, most: int) -> list[Ready]:
    """The next sheaves of ``form`` that end after ``place``, ``most`` of them."""
    rows = _FOLLOWING(session, {"form": form, "datestamp": place[0], "number": place[1], "most": most})
    return [Ready((moment_of(row[0]), row[1]), *row[2:]) for row in rows]


def whole(session: Session, after: Place, found: Sequence[Ready]) -> bool:
    """Whether the feed after ``after``, up to the end of the last of these sheaves, is what they hold and no more.

    They are as many, and the sum of their numbers is the same: what has gone on since they were bound left smaller
    numbers behind than anything that can have come since.
    """
    last = found[-1].last
    values = {"datestamp": after[0], "number": after[1], "last_datestamp": last[0], "last_number": last[1]}
    ((number, total),) = _COUNTED(session, values)
    return number == sum(one.records for one in found) and int(total) == sum(
        sum(unpacked(one.numbers)) for one in found
    )


def overlapping(session: Session, form: str, since: Place, until: Place, most: int) -> list[Lying] | None:
    """The sheaves of ``form`` in which anything from ``since`` to ``until``, both inclusive, may lie, in their order.

    None when there are more than ``most``: nobody wants to read so many for one page.
    """
    rows = select(Sheaf.id).where(Sheaf.form == form, _place(since) <= _LAST).order_by(*_ORDER).limit(most + 1)
    # The first that ends at or after the end is the last that may hold anything of it.
    beyond = select(*_ORDER).where(Sheaf.form == form, _place(until) <= _LAST).order_by(*_ORDER).limit(1)
    if end := session.execute(beyond).first():
        rows = rows.where(_place((end[0], end[1])) >= _LAST)
    ids = session.execute(rows).scalars().all()
    return None if len(ids) > most else read(session, ids)


def read(session: Session, ids: Sequence[int]) -> list[Lying]:
    """These sheaves, in the order of the feed."""
    found = [_lying(row) for row in session.execute(select(*_COLUMNS).where(_TABLE.id.in_(ids)))]
    return sorted(found, key=lambda one: one.last)


def _lying(row: Any) -> Lying:
    return Lying(
        first=(row[1], row[2]),
        last=(row[3], row[4]),
        size=row[5],
        crc=row[6],
        numbers=unpacked(row[7]),
        ends=unpacked(row[8], "I"),
        deflated=row[9],
        id=row[0],
    )


def after(session: Session, form: str, place: Place) -> Lying | None:
    """The next sheaf of ``form`` that ends after ``place``, whole as it lies; None behind the last."""
    ids = select(Sheaf.id).where(Sheaf.form == form, _place(place) < _LAST).order_by(*_ORDER).limit(1)
    found = session.execute(ids).scalar()
    return None if found is None else read(session, [found])[0]


def enter(session: Session, form: str, sheaves: Sequence[Lying]) -> None:
    """Lay these ready."""
    if sheaves:
        session.connection().execute(_ENTER, [_row(form, one) for one in sheaves])


def replace(session: Session, form: str, gone: Sequence[Lying], by: Sequence[Lying]) -> None:
    """These sheaves of ``form`` give way to others: at every moment the one or the other is there."""
    session.execute(delete(Sheaf).where(Sheaf.id.in_([one.id for one in gone])))
    enter(session, form, by)


def standing(session: Session, form: str, *, locked: bool = False) -> SheafForm | None:
    """How far this format has been laid ready; None when it was never begun."""
    return session.get(SheafForm, form, with_for_update=locked, populate_existing=True)


def begin(session: Session, form: str, followed: int) -> None:
    """A format is to be laid ready, from the beginning of the feed; nothing is done where it has been begun."""
    stamp, number = BEGINNING
    row = {"form": form, "datestamp": stamp, "number": number, "followed": followed, "asked_at": None}
    _BEGIN(session, [row])


def asked(session: Session, form: str, at: datetime) -> None:
    """Somebody begins to harvest this format."""
    session.execute(update(SheafForm).where(SheafForm.form == form).values(asked_at=at))


def forms(session: Session) -> Sequence[SheafForm]:
    """Every format of which anything lies ready, those of former wordings among them."""
    return session.execute(select(SheafForm).order_by(SheafForm.form)).scalars().all()


def drop(session: Session, form: str, most: int) -> bool:
    """Take away up to ``most`` sheaves of a format, and with the last of them the format; whether nothing is left."""
    ids = session.execute(select(Sheaf.id).where(Sheaf.form == form).limit(most)).scalars().all()
    if ids:
        session.execute(delete(Sheaf).where(Sheaf.id.in_(ids)))
        return False
    session.execute(delete(SheafForm).where(SheafForm.form == form))
    return True


def gone_on(session: Session, after: int, horizon: datetime, limit: int) -> tuple[int, list[Place]]:
    """Where articles stood before the changes that follow change ``after``, and the last of these changes.

    Only changes whose datestamp has come, ``limit`` of them at most.
    """
    rows = session.execute(
        select(Change.number, Change.article_id)
        .where(Change.number > after, Change.datestamp <= horizon)
        .order_by(Change.number)
        .limit(limit)
    ).all()
    if not rows:
        return after, []
    before = select(Change.datestamp, Change.number).where(
        Change.article_id.in_({row.article_id for row in rows}), Change.number <= rows[-1].number
    )
    now = select(Article.change_number).where(Article.id.in_({row.article_id for row in rows}))
    still = set(session.execute(now).scalars())
    left = [(row[0], row[1]) for row in session.execute(before) if row[1] not in still]
    return rows[-1].number, sorted(left)


def holding(session: Session, form: str, places: Sequence[Place]) -> list[int]:
    """The ids of the sheaves of ``form`` in which any of these places, which are sorted, lies."""
    found: list[int] = []
    covered: Place = BEGINNING
    for place in places:
        if place <= covered:
            continue
        row = session.execute(
            select(Sheaf.id, Sheaf.first_datestamp, Sheaf.first_number, Sheaf.last_datestamp, Sheaf.last_number)
            .where(Sheaf.form == form, _place(place) <= _LAST)
            .order_by(Sheaf.last_datestamp, Sheaf.last_number)
            .limit(1)
        ).first()
        if row is None:
            break
        if (row[1], row[2]) <= place:
            found.append(row[0])
            covered = (row[3], row[4])
    return found


def _place(place: Place) -> ColumnElement[Any]:
    return tuple_(literal(place[0], Moment()), literal(place[1], Sheaf.last_number.type))


def _row(form: str, one: Lying) -> dict[str, object]:
    return {
        "form": form,
        "first_datestamp": one.first[0],
        "first_number": one.first[1],
        "last_datestamp": one.last[0],
        "last_number": one.last[1],
        "size": one.size,
        "crc": one.crc,
        "numbers": packed(one.numbers),
        "ends": packed(one.ends, "I"),
        "deflated": one.deflated,
    }


def packed(numbers: Sequence[int], kind: str = "q") -> bytes:
    """Numbers as a sheaf keeps them, the lowest octet first: change numbers, or (``kind`` "I") where records end."""
    made = array(kind, numbers)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def unpacked(octets: bytes, kind: str = "q") -> array[int]:
    """The inverse of :func:`packed`."""
    made = array(kind)
    made.frombytes(octets)
    if sys.byteorder == "big":
        made.byteswap()
    return made
