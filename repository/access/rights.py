"""What the catalogue knows that decides on one journal and one reader, gathered in a few look-ups by index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Row, bindparam, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from repository.access.entitlement import Claim, Clause, Decision, InForce, Reader, Work, may_read, paid_days
from repository.catalogue import opened
from repository.catalogue.parts import parts
from repository.catalogue.straight import Straight
from repository.coverage import Coverage, Days, Embargo, Place, days_of, embargo_of
from repository.models import (
    Article,
    Entitlement,
    Licence,
    LicenceParty,
    LicencePeriod,
    Membership,
    Moment,
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
    asked = {"title": title_id, "institution": institution_id, "moment": on}
    publisher_id, triggers = _triggers(session, asked)
    return Rights(title_id, publisher_id, _claims(session, asked), triggers)


# What follows is said once, and to the driver: a decision is asked for every file that is given out.
_INSTITUTION = bindparam("institution", type_=BigInteger())
_OURS = select(Membership.consortium_id).where(Membership.institution_id == _INSTITUTION)
_OWN = Entitlement.institution_id == _INSTITUTION
_ENDS = (
    Entitlement.first_date,
    Entitlement.first_volume,
    Entitlement.first_issue,
    Entitlement.last_date,
    Entitlement.last_volume,
    Entitlement.last_issue,
)
LINE = (Entitlement.id, *_ENDS, Entitlement.embargo, Entitlement.state)
"""What decides of one line of a title list."""
Line: TypeAlias = Entitlement | Row[*tuple[Any, ...]]
"""The row of an entitlement, or at least the columns of :data:`LINE` of it."""
_LICENCE = (
    Licence.code,
    Licence.name,
    Licence.type,
    Licence.status,
    Licence.closure,
    Licence.hosting,
    Licence.perpetual,
    Licence.perpetual_from,
    Licence.perpetual_to,
    Licence.back_years,
)
_TYPE = len(LINE) + [column.key for column in _LICENCE].index("type")
_DAYS = (
    LicencePeriod.since,
    LicencePeriod.until,
    LicenceParty.id,
    LicenceParty.since,
    LicenceParty.until,
    LicenceParty.consortium_id,
    Membership.since,
    Membership.until,
)
_CLAIMS = Straight(
    select(*LINE, *_LICENCE, *_DAYS)
    .select_from(Entitlement)
    .join(Licence, Licence.id == Entitlement.licence_id)
    .outerjoin(
        LicenceParty,
        (LicenceParty.licence_id == Licence.id)
        & or_(LicenceParty.institution_id == _INSTITUTION, LicenceParty.consortium_id.in_(_OURS)),
    )
    .outerjoin(
        Membership,
        (Membership.consortium_id == LicenceParty.consortium_id) & (Membership.institution_id == _INSTITUTION),
    )
    .outerjoin(LicencePeriod, LicencePeriod.licence_id == Licence.id)
    .where(
        Entitlement.title_id == bindparam("title"),
        or_(Entitlement.institution_id.is_(None), _OWN),
        or_(Licence.type == LicenceType.OPEN.value, LicenceParty.id.is_not(None), _OWN),
    )
    .order_by(Entitlement.id)
)
_MOMENT = bindparam("moment", type_=Moment())
_OF_IT = aliased(Title)
# Not by the journal of the row: what is said of it would be looked up for each trigger anew.
_ABOUT = select(TriggerScope.trigger_id).where(
    or_(
        TriggerScope.title_id == bindparam("title"),
        TriggerScope.publisher_id
        == select(_OF_IT.publisher_id).where(_OF_IT.id == bindparam("title")).scalar_subquery(),
    )
)
_TRIGGERS = Straight(
    select(Title.publisher_id, Trigger.id)
    .outerjoin(Trigger, opened.stands(_MOMENT) & or_(Trigger.nation, Trigger.id.in_(_ABOUT)))
    .where(Title.id == bindparam("title"))
    .order_by(Trigger.id)
)


def _claims(session: Session, asked: Mapping[str, Any]) -> tuple[Claim, ...]:
    """The claims on a journal for everyone and for this institution, in the order in which they were entered."""
    found: dict[int, tuple[tuple[Any, ...], set[Days], set[Days]]] = {}
    for row in _CLAIMS(session, asked):
        said, days = row[: -len(_DAYS)], row[-len(_DAYS) :]
        _, periods, parties = found.setdefault(said[0], (said, set(), set()))
        first, last, party, since, until, consortium, joined, left = days
        if first is not None:
            periods.add(Days(_day(first), _day(last)))
        span = Days(_day(since) or date.min, _day(until))
        if said[_TYPE] == LicenceType.OPEN:
            parties.add(_EVER)
        elif consortium is not None:
            both = span.common(Days(_day(joined), _day(left)))
            parties |= {both} if both is not None else set()
        elif party is not None:
            parties.add(span)
    return tuple(_claim(said, paid_days(periods, parties)) for said, periods, parties in found.values())


def _day(told: Any) -> Any:
    return date.fromisoformat(told) if isinstance(told, str) else told


def _claim(said: Sequence[Any], paid: tuple[Days, ...]) -> Claim:
    """The values of one line of a title list, with what its licence says: LINE and _LICENCE, in their order."""
    number, *ends, embargo, state = said[: len(LINE)]
    code, name, kind, status, closure, hosting, gives, first, last, back = said[len(LINE) :]
    return Claim(
        entitlement_id=number,
        licence=code,
        licence_name=name,
        type=LicenceType(kind),
        status=LicenceStatus(status),
        closure=Closure(closure) if closure else None,
        hosting=Hosting(hosting),
        clause=_clause(gives, first, last, back),
        coverage=Coverage(*ends),
        embargo=embargo_of(embargo) or Embargo(),
        state=ClaimState(state),
        paid=paid,
    )


def _triggers(session: Session, asked: Mapping[str, Any]) -> tuple[int, tuple[InForce, ...]]:
    """Whose the journal is, and what stands for it at this moment."""
    rows = _TRIGGERS(session, asked)
    publisher_id, ids = rows[0][0], [trigger for _, trigger in rows if trigger is not None]
    if not ids:
        return publisher_id, ()
    standing = select(Trigger).where(Trigger.id.in_(ids)).order_by(Trigger.id)
    return publisher_id, in_force(session, session.execute(standing).scalars().all())


def memberships_of(session: Session, institution_ids: Collection[int]) -> dict[int, dict[int, list[Days]]]:
    """By institution and consortium, the days on which it belongs to it; those that belong to none are left out."""
    found: dict[int, dict[int, list[Days]]] = {}
    for some in parts(sorted(institution_ids)):
        rows = session.execute(select(Membership).where(Membership.institution_id.in_(some))).scalars()
        for row in rows:
            joined = found.setdefault(row.institution_id, {})
            joined.setdefault(row.consortium_id, []).append(Days(row.since, row.until))
    return found


def as_party(party: LicenceParty, joined: Mapping[int, list[Days]]) -> list[Days]:
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


def claim_of(entitlement: Line, licence: Licence, paid: tuple[Days, ...]) -> Claim:
    """The values of one line of a title list, with what its licence says."""
    return _claim([*_of(entitlement, LINE), *_of(licence, _LICENCE)], paid)


def _of(row: Line | Licence, columns: Iterable[InstrumentedAttribute[Any]]) -> list[Any]:
    return [getattr(row, column.key) for column in columns]


def _clause(gives: str, since: str | None, until: str | None, back_years: int) -> Clause:
    """A perpetual-access clause by its words: ``since`` and ``until`` are partial dates."""
    if gives != Perpetual.YEARS:
        return Clause(Perpetual(gives), None, back_years)
    first, last = days_of(since), days_of(until)
    return Clause(Perpetual.YEARS, Days(first.first if first else date.min, last.last if last else None), back_years)


def coverage_of(entitlement: Line) -> Coverage:
    """The run of the journal that one line of a title list names."""
    return Coverage(*_of(entitlement, _ENDS))


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
