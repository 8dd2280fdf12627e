"""Consortia, and who belonged to them from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import changes, words
from repository.coverage import Days
from repository.errors import NotNow
from repository.models import Consortium, Institution, Membership
from repository.texts import marked

RECORD = "consortium"
LONGEST_CODE = 40

UNKNOWN = marked("There is no consortium %(code)s.")
CODE_TAKEN = marked("There is already a consortium %(code)s.")
MEMBER_THEN = marked("%(name)s is a member from %(first)s to %(last)s already: two memberships may not overlap.")
NO_MEMBER = marked("%(name)s is no member then.")
SINCE_NEEDED = marked("The day from which it is a member is needed.")


def find(session: Session, code: str) -> Consortium | None:
    """The consortium of this code, if there is one."""
    return session.execute(select(Consortium).where(Consortium.code == code)).scalar_one_or_none()


def named(session: Session, code: str) -> Consortium:
    """The consortium of this code. Raises NotNow where there is none."""
    found = find(session, code.strip())
    if found is None:
        raise NotNow(UNKNOWN, code=code[:80])
    return found


def listed(session: Session, *, after: str = "", limit: int) -> Sequence[Consortium]:
    """Consortia by their codes."""
    walk = select(Consortium).where(Consortium.code > after).order_by(Consortium.code)
    return session.execute(walk.limit(limit)).scalars().all()


def member_counts(session: Session, rows: Sequence[Consortium], on: date) -> dict[int, int]:
    """How many members each of these has on a day."""
    counts = (
        select(Membership.consortium_id, func.count().label("members"))
        .where(Membership.consortium_id.in_([row.id for row in rows]), Membership.since <= on)
        .where((Membership.until.is_(None)) | (Membership.until >= on))
        .group_by(Membership.consortium_id)
    )
    return {row.consortium_id: row.members for row in session.execute(counts)}


def enter(session: Session, by: str, code: str, name: str, *, at: datetime) -> Consortium:
    """A new consortium without members. Raises BadValue, NotNow."""
    changes.take(session)
    clean, called = words.code(code, LONGEST_CODE), words.name(name)
    if find(session, clean) is not None:
        raise NotNow(CODE_TAKEN, code=clean)
    row = Consortium(code=clean, name=called)
    session.add(row)
    session.flush()
    changes.noted(session, by, RECORD, clean, "entered", after={"name": called}, at=at)
    return row


def rename(session: Session, by: str, row: Consortium, name: str, *, at: datetime) -> bool:
    """It is called this from now on; whether it was called otherwise. Raises BadValue."""
    changes.take(session)
    called, before = words.name(name), row.name
    if called == before:
        return False
    row.name = called
    session.flush()
    changes.noted(session, by, RECORD, row.code, "changed", {"name": before}, {"name": called}, at=at)
    return True


def members(session: Session, row: Consortium) -> list[tuple[Membership, Institution]]:
    """Every membership with its institution, in the order of names and of days."""
    found = (
        select(Membership, Institution)
        .join(Institution, Institution.id == Membership.institution_id)
        .where(Membership.consortium_id == row.id)
        .order_by(Institution.sort_key, Institution.id, Membership.since)
    )
    return [(membership, institution) for membership, institution in session.execute(found)]


def memberships_of(session: Session, institution: Institution) -> list[tuple[Membership, Consortium]]:
    """To which consortia an institution belongs or belonged."""
    found = (
        select(Membership, Consortium)
        .join(Consortium, Consortium.id == Membership.consortium_id)
        .where(Membership.institution_id == institution.id)
        .order_by(Consortium.code, Membership.since)
    )
    return [(membership, consortium) for membership, consortium in session.execute(found)]


def join(
    session: Session,
    by: str,
    row: Consortium,
    institution: Institution,
    since: date | None,
    until: date | None,
    *,
    at: datetime,
) -> None:
    """The institution is a member on all these days. Raises BadValue, NotNow where it is one then already."""
    changes.take(session)
    if since is None:
        raise NotNow(SINCE_NEEDED)
    words.in_order(since, until)
    asked = Days(since, until)
    for one in _of(session, row, institution):
        if Days(one.since, one.until).meets(asked):
            raise NotNow(MEMBER_THEN, name=institution.name, first=one.since, last=one.until or "…")
    session.add(Membership(consortium_id=row.id, institution_id=institution.id, since=since, until=until))
    session.flush()
    changes.noted(session, by, RECORD, row.code, "member joined", after=_told(institution, since, until), at=at)


def leave(session: Session, by: str, row: Consortium, institution: Institution, on: date, *, at: datetime) -> None:
    """Its membership ends with this day. What was paid for until then stays its right. Raises NotNow."""
    changes.take(session)
    for one in _of(session, row, institution):
        if one.since <= on and (one.until is None or one.until > on):
            before = _told(institution, one.since, one.until)
            one.until = on
            session.flush()
            after = _told(institution, one.since, on)
            changes.noted(session, by, RECORD, row.code, "member leaves", before, after, at=at)
            return
    raise NotNow(NO_MEMBER, name=institution.name)


def is_member_since(session: Session, row: Consortium, institution: Institution, since: date) -> bool:
    """Whether a membership of it begins on this day."""
    return any(one.since == since for one in _of(session, row, institution))


def amend(
    session: Session,
    by: str,
    row: Consortium,
    institution: Institution,
    since: date,
    until: date | None,
    *,
    at: datetime,
) -> bool:
    """The membership that begins on ``since`` ends with ``until``; whether that is new. Raises BadValue, NotNow."""
    changes.take(session)
    every = _of(session, row, institution)
    one = next((each for each in every if each.since == since), None)
    if one is None:
        raise NotNow(NO_MEMBER, name=institution.name)
    words.in_order(since, until)
    if one.until == until:
        return False
    for other in every:
        if other is not one and Days(other.since, other.until).meets(Days(since, until)):
            raise NotNow(MEMBER_THEN, name=institution.name, first=other.since, last=other.until or "…")
    before = _told(institution, since, one.until)
    one.until = until
    session.flush()
    changes.noted(session, by, RECORD, row.code, "membership changed", before, _told(institution, since, until), at=at)
    return True


def as_json(session: Session, row: Consortium) -> dict[str, Any]:
    """All that is kept of it."""
    return {
        "code": row.code,
        "name": row.name,
        "members": [_told(institution, one.since, one.until) for one, institution in members(session, row)],
    }


def _of(session: Session, row: Consortium, institution: Institution) -> Sequence[Membership]:
    mine = select(Membership).where(Membership.consortium_id == row.id, Membership.institution_id == institution.id)
    return session.execute(mine.order_by(Membership.since)).scalars().all()


def _told(institution: Institution, since: date, until: date | None) -> dict[str, Any]:
    return {
        "institution": institution.code,
        "since": since.isoformat(),
        "until": until.isoformat() if until else None,
    }
