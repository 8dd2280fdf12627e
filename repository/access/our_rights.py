"""The rights of one institution, journal by journal: which years are its own for ever, and whether they are safe here.

A walk over the journals of its licences and never over articles, some at a time; what is preserved is told as the
Keepers Registry is told it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.access import entitled, held, keepers, told
from repository.access.entitled import Agreements, Earned
from repository.access.entitlement import Claim
from repository.access.held import HeldIssue
from repository.access.keepers import Exceptions
from repository.catalogue import Catalogue
from repository.coverage import joined
from repository.models import Entitlement, Publisher, Shortfall, Title
from repository.rights import ClaimState, Closure, LicenceStatus, Perpetual

AT_ONCE = 100
"""Journals that are looked at together."""
MOST_WALKED = 2000
"""Journals that one page looks through for those that it wants: whoever wants more goes on from there."""
_TOLD = (ClaimState.AGREED, ClaimState.ASSERTED, ClaimState.DISPUTED)


class Safety(StrEnum):
    """How safe the years are to which there is a right."""

    PRESERVED = "preserved"
    """All of them are held, and every copy was read back in every store."""
    IN_PROGRESS = "in_progress"
    """All are held; of some not every copy has been read back."""
    MISSING = "missing"
    """Something of them is not held."""
    CLAIMED = "claimed"
    """A right is claimed, and nobody has agreed to it."""
    NO_RIGHT = "no_right"
    """The licence gives nothing for ever."""


UNSAFE = (Safety.IN_PROGRESS, Safety.MISSING, Safety.CLAIMED)


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as a list of rights names it."""

    id: int
    sort_key: str
    name: str
    issn: str
    issn_print: str | None
    issn_electronic: str | None
    publisher_id: int
    publisher: str
    expected: int | None
    missing: int | None
    """As its lists say; None: nobody gave a list."""


@dataclass(frozen=True, slots=True)
class Right:
    """What an institution has of one journal, and how much of it is safe."""

    journal: Journal
    years: tuple[tuple[int, int | None], ...]
    """For ever, as runs; the first of one that begins with the journal is 1."""
    by_number: tuple[str, ...]
    """Agreed runs that are told by volumes, of which no year is known."""
    licences: Mapping[str, tuple[str, Perpetual]]
    """Code to name and clause, of everything that speaks of the journal."""
    safety: Safety
    preserved: tuple[int, ...] = ()
    in_progress: tuple[int, ...] = ()
    lacking: tuple[int, ...] = ()
    """Years to which there is a right and of which nothing is held."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Journals with what is known of them in a transaction: their claims, their issues and what is not safe yet."""

    day: date
    claims: Mapping[int, Sequence[Claim]]
    issues: Mapping[int, Sequence[HeldIssue]]
    """Those with a year."""
    giving: Mapping[int, Collection[str]]
    """By issue, the licences that give it for ever."""
    not_yet: Exceptions

    def given(self, title_id: int) -> list[HeldIssue]:
        """The issues of a journal that are for ever."""
        return [one for one in self.issues.get(title_id, ()) if one.id in self.giving]

    def years(self, title_id: int) -> list[tuple[int, int | None]]:
        """The years of a journal that were earned, whatever is held of it."""
        agreed = [claim for claim in self.claims.get(title_id, ()) if claim.state is ClaimState.AGREED]
        runs = [run for claim in agreed if _ran(claim) for run in told.earned_years(claim, self.day)]
        closed = sorted((first, last or _ENDLESS) for first, last in runs)
        return [(first, None if last == _ENDLESS else last) for first, last in joined(closed)]


_ENDLESS = 9999


def looked(
    session: Session, agreements: Agreements, title_ids: Sequence[int], stores: Sequence[str], day: date
) -> Looked:
    """What is known of these journals, which are few."""
    claims = entitled.claims_of(session, agreements, title_ids, _TOLD)
    every = held.issues_of(session, title_ids)
    issues = {title: [one for one in some if one.year is not None] for title, some in every.items()}
    agreed = {title: [one for one in some if one.state is ClaimState.AGREED] for title, some in claims.items()}
    giving = entitled.giving_of(session, issues, agreed, Earned(day))
    return Looked(day, claims, issues, giving, keepers.exceptions(session, stores, title_ids))


def walk(
    catalogue: Catalogue,
    institution_id: int,
    now: datetime,
    stores: Sequence[str],
    *,
    named: Callable[[Journal], bool] = lambda _journal: True,
) -> Iterator[list[Right]]:
    """All journals of its licences that are so named, some at a time, each time in a transaction of its own.

    Raises DatabaseUnavailable.
    """
    after: tuple[str, int] | None = None
    with catalogue.reading() as session:
        agreements = entitled.agreements_of(session, institution_id)
    while True:
        with catalogue.reading() as session:
            journals = _journals(session, agreements, after, AT_ONCE)
            rights = _rights(session, agreements, [one for one in journals if named(one)], stores, now.date())
        yield list(rights.values())
        if len(journals) < AT_ONCE:
            return
        after = (journals[-1].sort_key, journals[-1].id)


def page(
    session: Session,
    institution_id: int,
    now: datetime,
    stores: Sequence[str],
    *,
    named: Callable[[Journal], bool] = lambda _journal: True,
    wanted: Callable[[Right], bool] = lambda _right: True,
    after: tuple[str, int] | None = None,
    limit: int,
) -> tuple[list[Right], tuple[str, int] | None]:
    """The next rights that are wanted, in the order of the alphabet, and the key after which there may be more.

    Of journals that are not so named, no more is asked than their names.
    """
    agreements = entitled.agreements_of(session, institution_id)
    found: list[Right] = []
    for _ in range(0, MOST_WALKED, AT_ONCE):
        journals = _journals(session, agreements, after, AT_ONCE)
        rights = _rights(session, agreements, [one for one in journals if named(one)], stores, now.date())
        for journal in journals:
            right = rights.get(journal.id)
            if right is not None and wanted(right):
                if len(found) == limit:
                    return found, after
                found.append(right)
            after = (journal.sort_key, journal.id)
        if len(journals) < AT_ONCE:
            return found, None
    return found, after


def _rights(
    session: Session, agreements: Agreements, journals: Sequence[Journal], stores: Sequence[str], day: date
) -> dict[int, Right]:
    """The rights of these journals by their numbers, in their order."""
    if not journals:
        return {}
    seen = looked(session, agreements, [one.id for one in journals], stores, day)
    return {one.id: _right(seen, one) for one in journals}


def how_many(session: Session, institution_id: int) -> int:
    """The journals of which its licences or its claims speak."""
    agreements = entitled.agreements_of(session, institution_id)
    asked = select(func.count(func.distinct(Entitlement.title_id))).where(*_ours(agreements))
    return session.execute(asked).scalar_one()


def journals_of(session: Session, title_ids: Sequence[int]) -> dict[int, Journal]:
    """These journals, which are few, by their numbers."""
    return {row.id: Journal(*row) for row in session.execute(_JOURNAL.where(Title.id.in_(title_ids)))}


def journals_of_publisher(
    session: Session, publisher_id: int, after: tuple[str, int] | None, limit: int
) -> list[Journal]:
    """The next journals of a publisher, in the order of the alphabet."""
    return _next(session, _JOURNAL.where(Title.publisher_id == publisher_id), after, limit)


def _journals(session: Session, agreements: Agreements, after: tuple[str, int] | None, limit: int) -> list[Journal]:
    ours = select(Entitlement.id).where(Entitlement.title_id == Title.id, *_ours(agreements))
    return _next(session, _JOURNAL.where(ours.exists()), after, limit)


def _next(session: Session, asked: Any, after: tuple[str, int] | None, limit: int) -> list[Journal]:
    if after is not None:
        asked = asked.where(tuple_(Title.sort_key, Title.id) > tuple_(literal(after[0]), literal(after[1])))
    return [Journal(*row) for row in session.execute(asked.order_by(Title.sort_key, Title.id).limit(limit))]


def _ours(agreements: Agreements) -> tuple[Any, ...]:
    return (
        Entitlement.licence_id.in_(sorted(agreements.licences)),
        entitled.of_all_or_of(agreements.institution_id),
        Entitlement.state != ClaimState.REJECTED,
    )


_JOURNAL: Any = (
    select(
        Title.id,
        Title.sort_key,
        Title.name,
        func.coalesce(Title.issn_electronic, Title.issn_print, Title.issn_l, held.identifier_of()),
        Title.issn_print,
        Title.issn_electronic,
        Publisher.id,
        Publisher.name,
        Shortfall.expected,
        Shortfall.missing,
    )
    .join(Publisher, Publisher.id == Title.publisher_id)
    .outerjoin(Shortfall, Shortfall.title_id == Title.id)
)


def _right(seen: Looked, journal: Journal) -> Right:
    claims = seen.claims.get(journal.id, ())
    years, given = seen.years(journal.id), seen.given(journal.id)
    numbered = [
        told.coverage_text(one.coverage)
        for one in claims
        if one.state is ClaimState.AGREED and _ran(one) and one.clause.gives is not Perpetual.NONE
        if one.coverage.first_volume and not one.coverage.first_date
    ]
    whole: dict[int, bool] = {}
    for issue in given:
        assert issue.year is not None
        whole[issue.year] = whole.get(issue.year, True) and issue.id not in seen.not_yet
    lacking = [] if numbered else lacking_years(years, set(whole), seen.day.year)
    licences = {one.licence: (one.licence_name, one.clause.gives) for one in claims}
    return Right(
        journal=journal,
        years=tuple(years) if not numbered else (),
        by_number=tuple(dict.fromkeys(numbered)),
        licences=dict(sorted(licences.items())),
        safety=_safety(journal, claims, bool(years), whole, lacking),
        preserved=tuple(sorted(year for year, is_so in whole.items() if is_so)),
        in_progress=tuple(sorted(year for year, is_so in whole.items() if not is_so)),
        lacking=tuple(lacking),
    )


def lacking_years(years: Sequence[tuple[int, int | None]], there: set[int], this_year: int) -> list[int]:
    """The years of a right of which nothing is held. Where it begins with the journal, nobody knows when that was."""
    found = []
    for first, last in years:
        begins = first if first > 1 else min(there, default=_ENDLESS)
        found += [year for year in range(begins, min(last or _ENDLESS, this_year) + 1) if year not in there]
    return found


def _safety(
    journal: Journal, claims: Sequence[Claim], has_right: bool, whole: Mapping[int, bool], lacking: Sequence[int]
) -> Safety:
    if not has_right:
        waiting = any(one.state is not ClaimState.AGREED for one in claims)
        return Safety.CLAIMED if waiting else Safety.NO_RIGHT
    if lacking or journal.missing or not whole:
        return Safety.MISSING
    return Safety.PRESERVED if all(whole.values()) else Safety.IN_PROGRESS


def _ran(claim: Claim) -> bool:
    return claim.status in (LicenceStatus.ACTIVE, LicenceStatus.CLOSED) and claim.closure is not Closure.REJECTED
