"""What one institution may read for ever of what is held: every issue to which a clause of its licences gives a right.

Decided by the same functions as a reader's request, and gathered for a page of journals at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from repository.access import held, rights
from repository.access.entitlement import Claim, is_earned, paid_days
from repository.access.held import HeldIssue, HeldTitle
from repository.catalogue import Catalogue
from repository.coverage import Days, Place
from repository.models import Article, Entitlement, Licence, LicenceParty, Membership
from repository.rights import ClaimState, LicenceType
from repository.vocabulary import ArticleRecord, ArticleState


@dataclass(frozen=True, slots=True)
class Entitled:
    """A journal with those of its issues that are for ever, and the codes of the licences that give them."""

    title: HeldTitle
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Agreements:
    """The licences of one institution, with the days that it paid for."""

    institution_id: int
    licences: dict[int, Licence]
    paid: dict[int, tuple[Days, ...]]


def walk(catalogue: Catalogue, now: datetime, institution_id: int) -> Iterator[list[Entitled]]:
    """The journals of which this institution has something for ever, a page at a time in the order of their sort keys.

    Only what is agreed, and no longer held back by an embargo. Raises DatabaseUnavailable.
    """
    with catalogue.reading() as session:
        agreements = _agreements(session, institution_id)
    for page in held.walk(catalogue, now):
        with catalogue.reading() as session:
            claims = _claims(session, agreements, [title.id for title in page])
            yield [
                found
                for title in page
                if title.id in claims and (found := _of(session, title, claims[title.id], now.date())) is not None
            ]


def _agreements(session: Session, institution_id: int) -> _Agreements:
    joined: dict[int, list[Days]] = {}
    for member in session.execute(select(Membership).where(Membership.institution_id == institution_id)).scalars():
        joined.setdefault(member.consortium_id, []).append(Days(member.since, member.until))
    mine = LicenceParty.institution_id == institution_id
    rows = session.execute(
        select(LicenceParty, Licence)
        .join(Licence, Licence.id == LicenceParty.licence_id)
        .where(or_(mine, LicenceParty.consortium_id.in_(joined)) if joined else mine, Licence.type != LicenceType.OPEN)
    ).all()
    licences: dict[int, Licence] = {}
    parties: dict[int, list[Days]] = {}
    for party, licence in rows:
        licences[licence.id] = licence
        parties.setdefault(licence.id, []).extend(rights.as_party(party, joined))
    periods = rights.periods_of(session, licences)
    paid = {number: paid_days(periods.get(number, ()), spans) for number, spans in parties.items()}
    return _Agreements(institution_id, licences, paid)


def _claims(session: Session, agreements: _Agreements, title_ids: Sequence[int]) -> dict[int, list[Claim]]:
    rows = session.execute(
        select(Entitlement).where(
            Entitlement.title_id.in_(title_ids),
            Entitlement.licence_id.in_(agreements.licences),
            or_(Entitlement.institution_id.is_(None), Entitlement.institution_id == agreements.institution_id),
            Entitlement.state == ClaimState.AGREED,
        )
    ).scalars()
    found: dict[int, list[Claim]] = {}
    for row in rows:
        claim = rights.claim_of(row, agreements.licences[row.licence_id], agreements.paid[row.licence_id])
        found.setdefault(row.title_id, []).append(claim)
    return found


def _of(session: Session, title: HeldTitle, claims: Sequence[Claim], day: date) -> Entitled | None:
    kept: list[HeldIssue] = []
    codes: dict[str, None] = {}
    for issue in title.dated:
        giving = [claim.licence for claim in claims if _gives(session, claim, issue, day)]
        if giving:
            kept.append(issue)
            codes |= dict.fromkeys(giving)
    return Entitled(replace(title, issues=kept), tuple(sorted(codes))) if kept else None


def _gives(session: Session, claim: Claim, issue: HeldIssue, day: date) -> bool:
    """Whether the claim gives this issue for ever. Its year says it, unless the right begins or ends within that
    year: then the date of an article of it does, as it would for a reader.
    """
    first, last = (_earned(claim, issue, f"{issue.year:04d}-{rest}", day) for rest in ("01-01", "12-31"))
    if first == last:
        # A right that lies within one year gives neither of its ends.
        return first or (
            _earned(claim, issue, f"{issue.year:04d}", day) and _earned(claim, issue, _date(session, issue), day)
        )
    return _earned(claim, issue, _date(session, issue), day)


def _earned(claim: Claim, issue: HeldIssue, published: str | None, day: date) -> bool:
    place = Place(published, issue.volume, issue.issue)
    return claim.coverage.has(place) and is_earned(claim, published, day) and claim.embargo.is_over(published, day)


def _date(session: Session, issue: HeldIssue) -> str | None:
    row = session.execute(
        select(Article.record)
        .where(Article.issue_id == issue.id, Article.state == ArticleState.ACTIVE)
        .order_by(Article.shelf, Article.id)
        .limit(1)
    ).scalar()
    return ArticleRecord.from_json(row).issue_date if row else None
