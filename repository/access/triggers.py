"""Trigger events: proposed by one, approved by another, effective at a moment, revocable, and told to the feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from repository.access import changes as access_changes
from repository.catalogue import Catalogue, changes, opened, sets
from repository.catalogue.parts import parts
from repository.errors import NotNow
from repository.models import (
    Article,
    Change,
    Institution,
    Publisher,
    Staff,
    Title,
    Trigger,
    TriggerInstitution,
    TriggerScope,
    TriggerTrial,
)
from repository.rights import Audience, TriggerKind, TriggerState
from repository.texts import marked

AT_ONCE = 500
"""Articles that are announced in one transaction."""

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Scope:
    """Of what a trigger speaks and for whom: journals, all journals of publishers, or all that is kept (``nation``).

    ``institution_ids`` empty: for all institutions.
    """

    title_ids: frozenset[int] = frozenset()
    publisher_ids: frozenset[int] = frozenset()
    nation: bool = False
    institution_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trigger as somebody wants it."""

    kind: TriggerKind
    audience: Audience
    scope: Scope
    reason: str
    effective: datetime
    until: datetime | None = None


def propose(session: Session, wanted: Proposal, preview: dict[str, Any], *, by: str, at: datetime) -> Trigger:
    """One member of staff proposes a trigger; nothing opens until another one approves it.

    Raises NotNow for a trigger of nothing, without a reason, that ends before it begins, that names institutions and is
    for everyone, or that would be a crisis grant to nobody in particular over a lasting cause.
    """
    _person(session, by)
    scope = wanted.scope
    if not (scope.nation or scope.title_ids or scope.publisher_ids):
        raise NotNow(marked("Say what the trigger opens: journals, publishers, or all that is kept."))
    if not wanted.reason.strip():
        raise NotNow(marked("Say why: the reason is shown to readers and kept for ever."))
    if wanted.until is not None and wanted.until <= wanted.effective:
        raise NotNow(marked("The trigger would end before it begins."))
    if wanted.audience is Audience.INSTITUTIONS and wanted.until is None:
        raise NotNow(marked("A crisis grant opens what nobody licensed: say until when."))
    if wanted.audience is Audience.EVERYONE and scope.institution_ids:
        raise NotNow(marked("What is opened to everyone is not opened to some institutions only: leave them out."))
    row = Trigger(
        code=_code(session, at),
        kind=wanted.kind,
        audience=wanted.audience,
        nation=scope.nation,
        reason=" ".join(wanted.reason.split()),
        effective=wanted.effective,
        until=wanted.until,
        preview=preview,
        proposed_by=by,
        proposed_at=at,
    )
    session.add(row)
    session.flush()
    session.add_all(TriggerScope(trigger_id=row.id, title_id=title) for title in sorted(scope.title_ids))
    session.add_all(TriggerScope(trigger_id=row.id, publisher_id=one) for one in sorted(scope.publisher_ids))
    session.add_all(TriggerInstitution(trigger_id=row.id, institution_id=one) for one in sorted(scope.institution_ids))
    session.flush()
    _noted(session, row, "proposed", by, at, {"reason": row.reason, "scope": named(session, row)})
    return row


def approve(session: Session, code: str, *, by: str, at: datetime) -> Trigger:
    """A second person agrees: it opens at its moment, or at once where that has passed. Raises NotNow."""
    row = locked(session, code)
    _person(session, by)
    if state_of(row, at) is not TriggerState.PROPOSED:
        raise NotNow(marked("This trigger does not wait for an approval any more."))
    if by == row.proposed_by:
        raise NotNow(marked("%(login)s proposed this trigger: somebody else has to approve it."), login=by)
    if row.until is not None and row.until <= at:
        raise NotNow(marked("The trigger would have ended already."))
    row.approved_by, row.approved_at = by, at
    row.next_due = max(row.effective, at)
    session.flush()
    _noted(session, row, "approved", by, at, {"effective": row.effective.isoformat()})
    return row


def refuse(session: Session, code: str, *, by: str, reason: str, at: datetime) -> Trigger:
    """A second person, or the one who proposed it, says no: it never opens anything. Raises NotNow."""
    row = locked(session, code)
    _person(session, by)
    if state_of(row, at) is not TriggerState.PROPOSED:
        raise NotNow(marked("This trigger does not wait for an approval any more."))
    row.refused_by, row.refused_at, row.said = by, at, _said(reason)
    session.flush()
    _noted(session, row, "refused", by, at, {"reason": row.said})
    return row


def revoke(session: Session, code: str, *, by: str, reason: str, at: datetime) -> Trigger:
    """What it opened is closed from this moment on, and the feed is told. One person is enough. Raises NotNow."""
    row = locked(session, code)
    _person(session, by)
    if state_of(row, at) not in (TriggerState.APPROVED, TriggerState.IN_FORCE):
        raise NotNow(marked("Only a trigger that was approved and has not ended can be revoked."))
    row.revoked_by, row.revoked_at, row.said = by, at, _said(reason)
    # Whatever was announced since its moment was told as open at once, also where the scope itself is not told yet.
    row.next_due = at if row.effective <= at or row.announced_state == OPEN else None
    session.flush()
    _noted(session, row, "revoked", by, at, {"reason": row.said})
    return row


def state_of(row: Trigger, at: datetime) -> TriggerState:
    """Where a trigger stands at this moment."""
    if row.refused_at is not None:
        return TriggerState.REFUSED
    if row.revoked_at is not None and row.revoked_at <= at:
        return TriggerState.REVOKED
    if row.approved_at is None:
        return TriggerState.PROPOSED
    if row.effective > at:
        return TriggerState.APPROVED
    return TriggerState.ENDED if row.until is not None and row.until <= at else TriggerState.IN_FORCE


def listed(session: Session, *, before: int | None = None, limit: int) -> Sequence[Trigger]:
    """Triggers, the newest first; those entered before the row ``before``."""
    walk = select(Trigger).order_by(Trigger.id.desc()).limit(limit)
    return session.execute(walk.where(Trigger.id < before) if before else walk).scalars().all()


def waiting(session: Session, limit: int) -> Sequence[Trigger]:
    """Those that wait for a second person, the oldest first."""
    walk = select(Trigger).where(Trigger.approved_at.is_(None), Trigger.refused_at.is_(None))
    return session.execute(walk.order_by(Trigger.id).limit(limit)).scalars().all()


def found(session: Session, code: str) -> Trigger | None:
    """The trigger with this code."""
    return session.execute(select(Trigger).where(Trigger.code == code)).scalar_one_or_none()


def locked(session: Session, code: str) -> Trigger:
    """The trigger with this code as it is now, locked. Raises NotNow when there is none."""
    asked = select(Trigger).where(Trigger.code == code).with_for_update().execution_options(populate_existing=True)
    row = session.execute(asked).scalar_one_or_none()
    if row is None:
        raise NotNow(marked("There is no trigger %(code)s."), code=code)
    return row


def scope_of(session: Session, row: Trigger) -> Scope:
    """Of what the trigger speaks."""
    scopes = session.execute(select(TriggerScope).where(TriggerScope.trigger_id == row.id)).scalars().all()
    chosen = select(TriggerInstitution.institution_id).where(TriggerInstitution.trigger_id == row.id)
    return Scope(
        frozenset(one.title_id for one in scopes if one.title_id is not None),
        frozenset(one.publisher_id for one in scopes if one.publisher_id is not None),
        row.nation,
        frozenset(session.execute(chosen).scalars()),
    )


def titles_of(session: Session, scope: Scope) -> list[int]:
    """The journals of which a scope speaks, which is not the whole nation's."""
    walk = select(Title.id).where(or_(Title.id.in_(scope.title_ids), Title.publisher_id.in_(scope.publisher_ids)))
    return list(session.execute(walk.order_by(Title.id)).scalars())


def named(session: Session, row: Trigger) -> dict[str, Any]:
    """The scope by the names under which everyone knows it: ISSNs, names of publishers, codes of institutions."""
    scope = scope_of(session, row)
    titles = select(Title.issn_l, Title.issn_electronic, Title.issn_print, Title.name).where(
        Title.id.in_(scope.title_ids)
    )
    publishers = select(Publisher.name).where(Publisher.id.in_(scope.publisher_ids)).order_by(Publisher.name)
    chosen = select(Institution.code).where(Institution.id.in_(scope.institution_ids)).order_by(Institution.code)
    return {
        "nation": row.nation,
        "titles": sorted(one[0] or one[1] or one[2] or one[3] for one in session.execute(titles)),
        "publishers": list(session.execute(publishers).scalars()),
        "institutions": list(session.execute(chosen).scalars()),
    }


def tried(session: Session, row: Trigger, outcome: dict[str, Any], *, by: str, at: datetime) -> None:
    """A rehearsal of the trigger was carried out, and this is what it showed."""
    session.add(TriggerTrial(trigger_id=row.id, at=at, by=by, outcome=outcome))
    session.flush()
    _noted(session, row, "rehearsed", by, at, outcome)


def trials_of(session: Session, row: Trigger, limit: int) -> Sequence[TriggerTrial]:
    """The rehearsals of a trigger, the newest first."""
    walk = select(TriggerTrial).where(TriggerTrial.trigger_id == row.id).order_by(TriggerTrial.id.desc())
    return session.execute(walk.limit(limit)).scalars().all()


# --- the feed is told -----------------------------------------------------------------------------------------------


def tell(catalogue: Catalogue, stop: Any = None) -> int:
    """Announce what has opened or closed and was not announced yet; how many articles were.

    Batch by batch, each seen by harvesters when it is committed: what opens a million articles tells of the first at
    once. A kill in between loses nothing: what is left still bears an older change. ``stop()`` ends it early.
    Raises DatabaseUnavailable.
    """
    number = 0
    while not (stop is not None and stop()):
        with catalogue.writing() as session:
            row = _due(session)
            if row is None:
                return number
            _begun(session, row)
            articles = _still_to_tell(session, row)
            datestamp = changes.announce_all(session, articles) if articles else None
            row.announced += len(articles)
            if len(articles) < AT_ONCE:
                _done(session, row)
        number += len(articles)
        if datestamp is not None:
            changes.in_time(catalogue, datestamp)
    return number


def tell_of_title(catalogue: Catalogue, title_id: int) -> int:
    """Announce those articles of a journal of which triggers say something else than the feed does; how many did.

    For a journal that went to another publisher, and with that into the scope of a trigger or out of it. Batch by
    batch: whoever is killed in between calls it again, which tells the rest. Raises DatabaseUnavailable.
    """
    with catalogue.reading() as session:
        ids = session.execute(select(Article.id).where(Article.title_id == title_id)).scalars().all()
    number = 0
    for start in range(0, len(ids), AT_ONCE):
        # Not only read: places_of enters a set that is new.
        with catalogue.writing() as session:
            some = session.execute(select(Article).where(Article.id.in_(ids[start : start + AT_ONCE]))).scalars().all()
            places = sets.places_of(session, some, opened.standing(session, changes.now(session)))
            other = changes.locked(session, [one.id for one in some if set(one.places or ()) != set(places[one.id])])
            datestamp = changes.announce_all(session, other) if other else None
        number += len(other)
        if datestamp is not None:
            changes.in_time(catalogue, datestamp)
    return number


def _due(session: Session) -> Trigger | None:
    walk = select(Trigger).where(Trigger.next_due <= changes.now(session)).order_by(Trigger.next_due, Trigger.id)
    return session.execute(walk.limit(1).with_for_update(skip_locked=True)).scalar_one_or_none()


def _begun(session: Session, row: Trigger) -> None:
    wanted = OPEN if state_of(row, changes.now(session)) is TriggerState.IN_FORCE else CLOSED
    if row.announced_state != wanted:
        row.announced_state, row.announced = wanted, 0
        row.announced_to = str(changes.last_number_of_all(session))
        row.next_due = changes.now(session)
        session.flush()


def _done(session: Session, row: Trigger) -> None:
    """Nothing is left to tell; it is due again when it ends, at the latest."""
    row.announced_to = None
    now = changes.now(session)
    ends = row.until if row.announced_state == OPEN else None
    row.next_due = max(ends, now + timedelta(seconds=1)) if ends is not None else None
    if state_of(row, now) is not TriggerState.IN_FORCE and row.announced_state == OPEN:
        row.next_due = now  # it ended, or was revoked, while it was being told
    session.flush()


def _still_to_tell(session: Session, row: Trigger) -> Sequence[Article]:
    """The next articles of its scope that were last announced before it was begun with, locked in their one order.

    They bear no later datestamp than the first change after that moment: so no batch walks over what those before it
    have told.
    """
    if row.announced_to is None:
        return []
    last = int(row.announced_to)
    since = session.execute(select(Change.datestamp).where(Change.number == last + 1)).scalar_one_or_none()
    walk = select(Article.id).where(Article.change_number <= last)
    walk = walk.where(Article.datestamp <= since) if since is not None else walk
    if row.nation:
        ordered = walk.order_by(Article.datestamp, Article.change_number).limit(AT_ONCE)
        return changes.locked(session, session.execute(ordered).scalars())
    ids: list[str] = []
    for some in parts(titles_of(session, scope_of(session, row))):
        ids += session.execute(walk.where(Article.title_id.in_(some)).limit(AT_ONCE - len(ids))).scalars()
        if len(ids) == AT_ONCE:
            break
    return changes.locked(session, ids)


# --- words of it ----------------------------------------------------------------------------------------------------


def _noted(session: Session, row: Trigger, what: str, by: str, at: datetime, detail: dict[str, Any]) -> None:
    access_changes.noted(session, by=by, record="trigger", code=row.code, what=what, after=detail, at=at)


def _code(session: Session, at: datetime) -> str:
    day = f"{at:%Y-%m-%d}"
    same = select(func.count()).select_from(Trigger).where(Trigger.code.between(day, day + "~"))
    number = session.execute(same).scalar_one() + 1
    return f"{day}-{number}"


def _said(reason: str) -> str:
    clean = " ".join(reason.split())
    if not clean:
        raise NotNow(marked("Say why: the reason is shown to readers and kept for ever."))
    return clean


def _person(session: Session, login: str) -> None:
    known = select(Staff.id).where(Staff.login == login, Staff.active, Staff.login != "", Staff.role == "staff")
    if session.execute(known).first() is None:
        raise NotNow(marked("%(login)s is no member of staff who may sign in."), login=login)
