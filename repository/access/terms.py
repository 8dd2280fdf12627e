"""When a licence runs, and for whom: its periods and its parties, none of which overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from repository.access import changes, words
from repository.coverage import Days
from repository.errors import NotNow
from repository.models import Consortium, Institution, Licence, LicenceParty, LicencePeriod, Membership
from repository.rights import LicenceStatus, LicenceType
from repository.texts import marked
from repository.turkish import tr_fold

RECORD = "licence"

RAN_THEN = marked("The licence runs from %(first)s to %(last)s already: two periods may not overlap.")
NO_PERIOD = marked("No period begins on %(day)s.")
SINCE_NEEDED = marked("The day on which the period begins is needed.")
ENDLESS = marked("The licence is closed: a period of it needs an end.")
OPEN_TO_ALL = marked("A licence of type open is for everyone and has no parties.")
PARTY_THEN = marked("%(name)s is a party then already: from %(first)s to %(last)s.")
NO_PARTY = marked("%(name)s is no party then.")


def periods_of(session: Session, row: Licence) -> Sequence[LicencePeriod]:
    """When it runs, in order."""
    mine = select(LicencePeriod).where(LicencePeriod.licence_id == row.id).order_by(LicencePeriod.since)
    return session.execute(mine).scalars().all()


def add_period(
    session: Session, by: str, row: Licence, since: date | None, until: date | None, *, at: datetime
) -> None:
    """It runs on all these days. Raises BadValue, NotNow where it runs on some of them already."""
    changes.take(session)
    if since is None:
        raise NotNow(SINCE_NEEDED)
    words.in_order(since, until)
    if until is None and row.status == LicenceStatus.CLOSED:
        raise NotNow(ENDLESS)
    every = periods_of(session, row)
    _is_free(every, Days(since, until))
    made = LicencePeriod(licence_id=row.id, since=since, until=until)
    session.add(made)
    session.flush()
    before, after = (_told(sorted(some, key=lambda one: one.since)) for some in (every, [*every, made]))
    changes.noted(session, by, RECORD, row.code, "period added", {"periods": before}, {"periods": after}, at=at)


def end_period(
    session: Session, by: str, row: Licence, since: date, until: date | None, why: str = "", *, at: datetime
) -> bool:
    """The period that begins on ``since`` ends with ``until``; whether it ended otherwise. Raises BadValue, NotNow.

    To make it shorter than it was is to say that it was wrong, and needs a reason.
    """
    changes.take(session)
    every = periods_of(session, row)
    period = next((one for one in every if one.since == since), None)
    if period is None:
        raise NotNow(NO_PERIOD, day=since)
    if period.until == until:
        return False
    words.in_order(since, until)
    if until is None and row.status == LicenceStatus.CLOSED:
        raise NotNow(ENDLESS)
    shorter = until is not None and (period.until is None or until < period.until)
    said = {"reason": words.reason(why)} if shorter and until is not None and until < at.date() else {}
    _is_free([one for one in every if one is not period], Days(since, until))
    before = {"periods": periods_json(session, row)}
    period.until = until
    session.flush()
    after = {"periods": periods_json(session, row), **said}
    changes.noted(session, by, RECORD, row.code, "period changed", before, after, at=at)
    return True


def drop_period(session: Session, by: str, row: Licence, since: date, why: str, *, at: datetime) -> None:
    """The licence never ran then: it was entered by mistake, for the reason that is given. Raises BadValue, NotNow."""
    changes.take(session)
    period = session.get(LicencePeriod, (row.id, since))
    if period is None:
        raise NotNow(NO_PERIOD, day=since)
    before = {"periods": periods_json(session, row)}
    said = words.reason(why)
    session.delete(period)
    session.flush()
    after = {"periods": periods_json(session, row), "reason": said}
    changes.noted(session, by, RECORD, row.code, "period taken away", before, after, at=at)


@dataclass(frozen=True, slots=True)
class Party:
    """An institution or a consortium for which a licence runs."""

    row: LicenceParty
    code: str
    name: str

    @property
    def kind(self) -> str:
        """``institution`` or ``consortium``."""
        return "consortium" if self.row.consortium_id is not None else "institution"

    def as_json(self) -> dict[str, Any]:
        """Its kind, its code and its days."""
        return {"kind": self.kind, "code": self.code, "since": _iso(self.row.since), "until": _iso(self.row.until)}


def parties_of(session: Session, row: Licence) -> list[Party]:
    """For whom it runs: consortia first, then institutions, by name."""
    rows = (
        select(LicenceParty, Institution.code, Institution.name, Consortium.code, Consortium.name)
        .outerjoin(Institution, Institution.id == LicenceParty.institution_id)
        .outerjoin(Consortium, Consortium.id == LicenceParty.consortium_id)
        .where(LicenceParty.licence_id == row.id)
    )
    found = [
        Party(party, code or other_code or "", name or other_name or "")
        for party, code, name, other_code, other_name in session.execute(rows)
    ]
    return sorted(found, key=lambda one: (one.kind, tr_fold(one.name), one.row.since or date.min, one.row.id))


def add_party(
    session: Session,
    by: str,
    row: Licence,
    party: Institution | Consortium,
    since: date | None = None,
    until: date | None = None,
    *,
    at: datetime,
) -> None:
    """The licence runs for it on these days; without any, as long as it runs. Raises BadValue, NotNow."""
    changes.take(session)
    if row.type == LicenceType.OPEN:
        raise NotNow(OPEN_TO_ALL)
    words.in_order(since, until)
    asked = Days(since or date.min, until)
    for one in _party_rows(session, row, party):
        if Days(one.since or date.min, one.until).meets(asked):
            raise NotNow(PARTY_THEN, name=party.name, first=one.since or "…", last=one.until or "…")
    made = LicenceParty(licence_id=row.id, since=since, until=until, **_which(party))
    session.add(made)
    session.flush()
    told = Party(made, party.code, party.name).as_json()
    changes.noted(session, by, RECORD, row.code, "party added", after=told, at=at)


def end_party(
    session: Session, by: str, row: Licence, party: Institution | Consortium, on: date, *, at: datetime
) -> None:
    """It is a party up to this day. What was paid for until then stays its right. Raises NotNow."""
    changes.take(session)
    for one in _party_rows(session, row, party):
        if (one.since or date.min) <= on and (one.until is None or one.until > on):
            before = Party(one, party.code, party.name).as_json()
            one.until = on
            session.flush()
            after = Party(one, party.code, party.name).as_json()
            changes.noted(session, by, RECORD, row.code, "party leaves", before, after, at=at)
            return
    raise NotNow(NO_PARTY, name=party.name)


def amend_party(
    session: Session,
    by: str,
    row: Licence,
    party: Institution | Consortium,
    since: date | None,
    until: date | None,
    *,
    at: datetime,
) -> bool:
    """The party that begins on ``since`` is one up to ``until``; whether it was otherwise. Raises BadValue, NotNow."""
    changes.take(session)
    every = _party_rows(session, row, party)
    one = next((each for each in every if each.since == since), None)
    if one is None:
        raise NotNow(NO_PARTY, name=party.name)
    words.in_order(since, until)
    if one.until == until:
        return False
    asked = Days(since or date.min, until)
    for other in every:
        if other is not one and Days(other.since or date.min, other.until).meets(asked):
            raise NotNow(PARTY_THEN, name=party.name, first=other.since or "…", last=other.until or "…")
    before = Party(one, party.code, party.name).as_json()
    one.until = until
    session.flush()
    after = Party(one, party.code, party.name).as_json()
    changes.noted(session, by, RECORD, row.code, "party changed", before, after, at=at)
    return True


def has_party(session: Session, row: Licence, party: Institution | Consortium, since: date | None) -> bool:
    """Whether it is a party that begins then."""
    return any(one.since == since for one in _party_rows(session, row, party))


def was_ever_party(session: Session, row: Licence, institution: Institution) -> bool:
    """Whether the licence runs or ran for the institution, by itself or as a member."""
    joined = select(Membership.consortium_id).where(Membership.institution_id == institution.id)
    mine = select(LicenceParty.id).where(
        LicenceParty.licence_id == row.id,
        or_(LicenceParty.institution_id == institution.id, LicenceParty.consortium_id.in_(joined)),
    )
    return session.execute(mine.limit(1)).first() is not None


def _is_free(periods: Iterable[LicencePeriod], asked: Days) -> None:
    for one in periods:
        if Days(one.since, one.until).meets(asked):
            raise NotNow(RAN_THEN, first=one.since, last=one.until or "…")


def periods_json(session: Session, row: Licence) -> list[dict[str, Any]]:
    """Its periods as JSON."""
    return _told(periods_of(session, row))


def _told(periods: Iterable[LicencePeriod]) -> list[dict[str, Any]]:
    return [{"since": _iso(one.since), "until": _iso(one.until)} for one in periods]


def _party_rows(session: Session, row: Licence, party: Institution | Consortium) -> Sequence[LicenceParty]:
    ((column, number),) = _which(party).items()
    mine = select(LicenceParty).where(LicenceParty.licence_id == row.id, getattr(LicenceParty, column) == number)
    return session.execute(mine.order_by(LicenceParty.id)).scalars().all()


def _which(party: Institution | Consortium) -> dict[str, int]:
    return {"institution_id" if isinstance(party, Institution) else "consortium_id": party.id}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
