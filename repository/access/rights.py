"""What the catalogue knows that decides on one journal and one reader, gathered in a few look-ups by index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from repository.access.entitlement import Claim, Clause, Decision, InForce, Reader, Work, may_read, paid_days
from repository.coverage import Coverage, Days, Embargo, Place, days_of, embargo_of
from repository.models import (
    Article,
    Entitlement,
    Licence,
    LicenceParty,
    LicencePeriod,
    Membership,
    Title,
    Trigger,
    TriggerInstitution,
    TriggerScope,
)
from repository.open_licence import openly_licensed
from repository.rights import (
    Audience,
    ClaimState,
    Closure,
    Hosting,
    LicenceStatus,
    LicenceType,
    Perpetual,
    TriggerKind,
)
from repository.vocabulary import ArticleRecord

_EVER = Days(date.min, None)


@dataclass(frozen=True, slots=True)
class Rights:
    """What decides on the articles of one journal for the readers of one institution, or for those of none."""

    title_id: int
    publisher_id: int
    claims: tuple[Claim, ...]
    triggers: tuple[InForce, ...]

    def decide(self, record: ArticleRecord, reader: Reader, on: datetime) -> Decision:
        """The decision on one article of the journal (:func:`repository.access.entitlement.may_read`)."""
        return may_read(self.work(record), reader, on, self.claims, self.triggers)

    def work(self, record: ArticleRecord) -> Work:
        """The article that ``record`` describes, as far as it decides."""
        place = Place(record.issue_date, record.volume, record.issue)
        return Work(self.title_id, self.publisher_id, place, openly_licensed(record))


def on_article(session: Session, article: Article, reader: Reader, on: datetime) -> Decision:
    """Whether the files of this article may be given to this reader at this moment, and why."""
    found = on_title(session, article.title_id, reader.institution_id, on)
    return found.decide(ArticleRecord.from_json(article.record), reader, on)


def on_title(session: Session, title_id: int, institution_id: int | None, on: datetime) -> Rights:
    """What decides on a journal at this moment for the readers of this institution (None: of none)."""
    publisher_id = session.execute(select(Title.publisher_id).where(Title.id == title_id)).scalar_one()
    claims = claims_on(session, title_id, institution_id)
    return Rights(title_id, publisher_id, claims, triggers_on(session, title_id, publisher_id, on))


def claims_on(session: Session, title_id: int, institution_id: int | None) -> tuple[Claim, ...]:
    """The claims on a journal for everyone and for this institution, in the order in which they were entered."""
    joined = memberships_of(session, institution_id)
    mine = LicenceParty.institution_id == institution_id if institution_id is not None else false()
    ours = LicenceParty.consortium_id.in_(joined) if joined else false()
    own = Entitlement.institution_id == institution_id if institution_id is not None else false()
    rows = session.execute(
        select(Entitlement, Licence, LicenceParty)
        .join(Licence, Licence.id == Entitlement.licence_id)
        .outerjoin(LicenceParty, (LicenceParty.licence_id == Licence.id) & or_(mine, ours))
        .where(
            Entitlement.title_id == title_id,
            or_(Entitlement.institution_id.is_(None), own),
            or_(Licence.type == LicenceType.OPEN, LicenceParty.id.is_not(None), own),
        )
        .order_by(Entitlement.id)
    ).all()
    periods = periods_of(session, {licence.id for _, licence, _ in rows})
    entitlements: dict[int, tuple[Entitlement, Licence]] = {}
    parties: dict[int, list[Days]] = {}
    for entitlement, licence, party in rows:
        entitlements[entitlement.id] = (entitlement, licence)
        spans = parties.setdefault(entitlement.id, [])
        if licence.type == LicenceType.OPEN:
            spans.append(_EVER)
        elif party is not None:
            spans += as_party(party, joined)
    return tuple(
        claim_of(entitlement, licence, paid_days(periods.get(licence.id, ()), parties[entitlement.id]))
        for entitlement, licence in entitlements.values()
    )


def memberships_of(session: Session, institution_id: int | None) -> dict[int, list[Days]]:
    """By consortium, the days on which the institution belongs to it."""
    found: dict[int, list[Days]] = {}
    if institution_id is not None:
        rows = session.execute(select(Membership).where(Membership.institution_id == institution_id)).scalars()
        for row in rows:
            found.setdefault(row.consortium_id, []).append(Days(row.since, row.until))
    return found


def as_party(party: LicenceParty, joined: dict[int, list[Days]]) -> list[Days]:
    """The days on which an institution with these memberships is a party to a licence by this row of it."""
    span = Days(party.since or date.min, party.until)
    if party.consortium_id is None:
        return [span]
    return [common for days in joined.get(party.consortium_id, ()) if (common := span.common(days)) is not None]


def periods_of(session: Session, licence_ids: Iterable[int]) -> dict[int, list[Days]]:
    """By licence, the periods in which it runs."""
    found: dict[int, list[Days]] = {}
    wanted = sorted(licence_ids)
    rows = (
        session.execute(select(LicencePeriod).where(LicencePeriod.licence_id.in_(wanted))).scalars() if wanted else ()
    )
    for row in rows:
        found.setdefault(row.licence_id, []).append(Days(row.since, row.until))
    return found


def claim_of(entitlement: Entitlement, licence: Licence, paid: tuple[Days, ...]) -> Claim:
    """The values of one line of a title list, with what its licence says."""
    return Claim(
        entitlement_id=entitlement.id,
        licence=licence.code,
        licence_name=licence.name,
        type=LicenceType(licence.type),
        status=LicenceStatus(licence.status),
        closure=Closure(licence.closure) if licence.closure else None,
        hosting=Hosting(licence.hosting),
        clause=clause_of(licence),
        coverage=coverage_of(entitlement),
        embargo=embargo_of(entitlement.embargo) or Embargo(),
        state=ClaimState(entitlement.state),
        paid=paid,
    )


def clause_of(licence: Licence) -> Clause:
    """The perpetual-access clause of a licence."""
    first, last = days_of(licence.perpetual_from), days_of(licence.perpetual_to)
    years = Days(first.first if first else date.min, last.last if last else None)
    gives = Perpetual(licence.perpetual)
    return Clause(gives, years if gives is Perpetual.YEARS else None, licence.back_years)


def coverage_of(entitlement: Entitlement) -> Coverage:
    """The run of the journal that one line of a title list names."""
    return Coverage(
        entitlement.first_date,
        entitlement.first_volume,
        entitlement.first_issue,
        entitlement.last_date,
        entitlement.last_volume,
        entitlement.last_issue,
    )


def triggers_on(session: Session, title_id: int, publisher_id: int, on: datetime) -> tuple[InForce, ...]:
    """The triggers that stand at this moment for a journal, the first declared first."""
    about = select(TriggerScope.trigger_id).where(
        or_(TriggerScope.title_id == title_id, TriggerScope.publisher_id == publisher_id)
    )
    rows = session.execute(
        select(Trigger)
        .where(
            Trigger.approved_at.is_not(None),
            Trigger.revoked_at.is_(None),
            Trigger.effective <= on,
            or_(Trigger.until.is_(None), Trigger.until > on),
            or_(Trigger.nation, Trigger.id.in_(about)),
        )
        .order_by(Trigger.id)
    ).scalars()
    return in_force(session, list(rows))


def in_force(session: Session, triggers: Sequence[Trigger]) -> tuple[InForce, ...]:
    """The values of these triggers, with their scopes and institutions."""
    ids = [trigger.id for trigger in triggers]
    if not ids:
        return ()
    scopes = session.execute(select(TriggerScope).where(TriggerScope.trigger_id.in_(ids))).scalars().all()
    named = session.execute(select(TriggerInstitution).where(TriggerInstitution.trigger_id.in_(ids))).scalars().all()
    return tuple(
        InForce(
            code=trigger.code,
            kind=TriggerKind(trigger.kind),
            audience=Audience(trigger.audience),
            effective=trigger.effective,
            until=trigger.until,
            title_ids=frozenset(one.title_id for one in scopes if one.trigger_id == trigger.id and one.title_id),
            publisher_ids=frozenset(
                one.publisher_id for one in scopes if one.trigger_id == trigger.id and one.publisher_id
            ),
            nation=trigger.nation,
            institution_ids=frozenset(one.institution_id for one in named if one.trigger_id == trigger.id),
        )
        for trigger in triggers
    )
