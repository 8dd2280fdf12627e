"""What one institution may read for ever of what is held: every issue to which a clause of its licences gives a right.

Decided by the same functions as a reader's request, and gathered for a page of journals at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby

from sqlalchemy import ColumnElement, false, func, not_, or_, select
from sqlalchemy.orm import Session

from repository.access import held, rights
from repository.access.entitlement import Claim, is_earned, paid_days
from repository.access.held import HeldIssue, HeldTitle
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.coverage import Coverage, Days, Embargo, Place
from repository.models import Article, Entitlement, Issue, Licence, LicenceParty
from repository.rights import ClaimState, LicenceType
from repository.vocabulary import ArticleRecord, ArticleState


@dataclass(frozen=True, slots=True)
class Entitled:
    """A journal with those of its issues that are for ever, and the codes of the licences that give them."""

    title: HeldTitle
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreements:
    """The licences of one institution, with the days that it paid for."""

    institution_id: int
    licences: dict[int, Licence]
    paid: dict[int, tuple[Days, ...]]


def walk(catalogue: Catalogue, now: datetime, institution_id: int) -> Iterator[list[Entitled]]:
    """The journals of which this institution has something for ever, a page at a time in the order of their sort keys.

    Only what is agreed, and no longer held back by an embargo. Raises DatabaseUnavailable.
    """
    with catalogue.reading() as session:
        agreements = agreements_of(session, institution_id)
    earned = Earned(now.date())
    for page in held.walk(catalogue, now):
        with catalogue.reading() as session:
            yield _of_page(session, page, claims_of(session, agreements, [title.id for title in page]), earned)


def agreements_of(session: Session, institution_id: int) -> Agreements:
    """All licences to which the institution is or was a party, but for those that are for everyone."""
    joined = rights.memberships_of(session, [institution_id]).get(institution_id, {})
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
    return Agreements(institution_id, licences, paid)


def of_all_or_of(institution_id: int) -> ColumnElement[bool]:
    """Lines of title lists, which are of no institution, and those of this one.

    Not by the index of institutions: nearly all lines are of none. Nor as COALESCE(…) = …, of which PostgreSQL thinks
    that hardly any row is so, and reads all journals to find out which.
    """
    return not_(func.coalesce(Entitlement.institution_id != institution_id, false()))


def claims_of(
    session: Session,
    agreements: Agreements,
    title_ids: Sequence[int],
    states: Sequence[ClaimState] = (ClaimState.AGREED,),
) -> dict[int, list[Claim]]:
    """By journal, the lines of their title lists and the institution's own claims, in these states."""
    rows = session.execute(
        select(*rights.LINE, Entitlement.title_id, Entitlement.licence_id).where(
            Entitlement.title_id.in_(title_ids),
            # Not by its index: a licence's list is longer than a page of journals.
            (Entitlement.licence_id + 0).in_(agreements.licences),
            of_all_or_of(agreements.institution_id),
            Entitlement.state.in_(states),
        )
    )
    found: dict[int, list[Claim]] = {}
    for row in rows:
        claim = rights.claim_of(row, agreements.licences[row.licence_id], agreements.paid[row.licence_id])
        found.setdefault(row.title_id, []).append(claim)
    return found


class _Dates(dict[str | None, bool]):
    """Whether what was published then is given for ever by the licence of a claim, worked out once for each date."""

    def __init__(self, claim: Claim, day: date) -> None:
        super().__init__()
        self._claim, self._day = claim, day

    def __missing__(self, published: str | None) -> bool:
        claim = self._claim
        found = is_earned(claim, published, self._day) and claim.embargo.is_over(published, self._day)
        self[published] = found
        return found


class Earned:
    """What the licences of one institution give, by dates: the same for every journal that they name."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._known: dict[tuple[str, Embargo], _Dates] = {}

    def of(self, claim: Claim) -> _Dates:
        """The dates that the licence of this claim gives."""
        key = (claim.licence, claim.embargo)
        if key not in self._known:
            self._known[key] = _Dates(claim, self._day)
        return self._known[key]


def _of_page(
    session: Session, page: Sequence[HeldTitle], claims: Mapping[int, Sequence[Claim]], earned: Earned
) -> list[Entitled]:
    """What is for ever of these journals."""
    giving = giving_of(session, {title.id: title.dated for title in page}, claims, earned)
    found = []
    for title in page:
        kept = [issue for issue in title.dated if issue.id in giving]
        if kept:
            codes = set().union(*(giving[issue.id] for issue in kept))
            found.append(Entitled(replace(title, issues=kept), tuple(sorted(codes))))
    return found


def giving_of(
    session: Session, dated: Mapping[int, Sequence[HeldIssue]], claims: Mapping[int, Sequence[Claim]], earned: Earned
) -> dict[int, set[str]]:
    """By issue, the licences that give it for ever; ``dated`` are issues with a year by journal, in their order.

    The year of an issue says it, unless a right begins or ends within that year and no other gives the issue: then
    the date of an article of it does, as it would for a reader.
    """
    giving: dict[int, set[str]] = {}
    doubtful: dict[int, list[tuple[Claim, HeldIssue]]] = {}
    for title_id, of_title in dated.items():
        years = [(_dates_of(year), list(some)) for year, some in groupby(of_title, key=lambda issue: issue.year)]
        for claim in claims.get(title_id, ()):
            given = earned.of(claim)
            for dates, issues in years:
                by_year = [given[published] for published in dates]
                for issue in issues if any(by_year) else ():
                    *ends, whole = (
                        is_so and _covers(claim.coverage, published, issue)
                        for is_so, published in zip(by_year, dates, strict=True)
                    )
                    if all(ends):
                        giving.setdefault(issue.id, set()).add(claim.licence)
                    elif whole or any(ends):
                        doubtful.setdefault(issue.id, []).append((claim, issue))
    for number, published in _dates(session, doubtful.keys() - giving.keys()).items():
        codes = {
            claim.licence
            for claim, issue in doubtful[number]
            if earned.of(claim)[published] and _covers(claim.coverage, published, issue)
        }
        if codes:
            giving[number] = codes
    return giving


def _covers(coverage: Coverage, published: str | None, issue: HeldIssue) -> bool:
    if coverage.first_volume is None and coverage.last_volume is None:
        return _has_date(coverage.first_date, coverage.last_date, published)
    return coverage.has(Place(published, issue.volume, issue.issue))


@lru_cache(1 << 16)
def _has_date(first: str | None, last: str | None, published: str | None) -> bool:
    """A run without volumes is told by its dates alone."""
    return Coverage(first, last_date=last).has(Place(published, None, None))


@lru_cache
def _dates_of(year: int | None) -> tuple[str, str, str]:
    """The first and the last day of a year, and the year as a whole."""
    assert year is not None
    return f"{year:04d}-01-01", f"{year:04d}-12-31", f"{year:04d}"


def _dates(session: Session, issues: Iterable[int]) -> dict[int, str | None]:
    """By issue, the date under which its first article is shelved."""
    first = (
        select(Article.record["published"])
        .where(Article.issue_id == Issue.id, Article.state == ArticleState.ACTIVE)
        .order_by(Article.shelf, Article.id)
        .limit(1)
        .scalar_subquery()
    )
    found: dict[int, str | None] = {}
    for some in parts(sorted(issues)):
        for number, published in session.execute(select(Issue.id, first).where(Issue.id.in_(some))):
            found[number] = ArticleRecord(published=published or {}).issue_date
    return found
