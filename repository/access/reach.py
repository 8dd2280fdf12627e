"""How far rights reach over journals, reckoned by issues and never by articles: what opens, to whom, by which clause.

Of a journal the issues are read, with how many articles each has; of its licences the lines of their title lists. A
set of issues is one number whose bits are the issues, so that what an institution has by five licences is their sum
and is counted once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access.entitlement import Claim, is_current, is_earned, paid_days
from repository.access.rights import LINE, Line, as_party, claim_of, coverage_of, memberships_of, periods_of
from repository.catalogue.parts import parts
from repository.coverage import Coverage, Days, Place, runs_of
from repository.models import Entitlement, Institution, Issue, Licence, LicenceParty, Title
from repository.rights import ClaimState, LicenceType


class Shelf(NamedTuple):
    """One issue that is held."""

    place: Place
    articles: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A journal and its issues, in the order of their shelves."""

    title_id: int
    name: str
    issn: str
    shelves: tuple[Shelf, ...]
    _known: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    """Sets of issues that were counted already: many institutions have the same."""

    @property
    def articles(self) -> int:
        """All that is held of it."""
        return sum(shelf.articles for shelf in self.shelves)

    def counted(self, issues: int) -> int:
        """The articles in these issues."""
        known = self._known.get(issues)
        if known is None:
            known = sum(shelf.articles for number, shelf in enumerate(self.shelves) if issues >> number & 1)
            self._known[issues] = known
        return known

    def years(self, issues: int) -> list[tuple[int, int]]:
        """The runs of years in which these issues appeared, as first and last."""
        of_them = (shelf for number, shelf in enumerate(self.shelves) if issues >> number & 1)
        return runs_of(int(shelf.place.published) for shelf in of_them if shelf.place.published)


@dataclass(frozen=True, slots=True)
class Reach:
    """What the readers of one institution have of one journal on one day: sets of its issues, and their articles.

    Institutions that have the same by the same licences share it.
    """

    earned: int = 0
    """The issues to which there is a right for ever."""
    subscribed: int = 0
    """Those that a subscription gives as long as it runs, with or without a right for ever."""
    articles: int = 0
    """Articles to which there is a right for ever."""
    until_it_ends: int = 0
    """Articles that are lost with the subscription."""
    claimed: int = 0
    """Articles that are claimed, and nobody has agreed."""
    by_licence: Mapping[str, int] = field(default_factory=dict)
    """Articles that each licence gives for ever, by its code."""


def holdings(session: Session, *, publisher_id: int | None = None, title_ids: Collection[int] = ()) -> list[Holding]:
    """The journals of a publisher, or these, with the issues that hold something; by the order of the alphabet."""
    which = Title.publisher_id == publisher_id if publisher_id is not None else Title.id.in_(title_ids)
    walk = select(Title.id, Title.name, Title.issn_l, Title.issn_electronic, Title.issn_print).where(which)
    titles = session.execute(walk.order_by(Title.sort_key, Title.id)).all()
    shelves: dict[int, list[Shelf]] = defaultdict(list)
    known: dict[tuple[int | None, str | None, str | None, int], Shelf] = {}
    """Journals stand alike: most of what is read was made before."""
    for some in parts([row.id for row in titles]):
        issues = session.execute(
            select(Issue.title_id, Issue.year, Issue.volume, Issue.issue, Issue.articles)
            .where(Issue.title_id.in_(some), Issue.articles > 0)
            .order_by(Issue.title_id, Issue.shelf)
        )
        for title, year, volume, issue, articles in issues:
            told = (year, volume, issue, articles)
            shelf = known.get(told)
            if shelf is None:
                shelf = known[told] = Shelf(Place(f"{year:04d}" if year else None, volume, issue), articles)
            shelves[title].append(shelf)
    return [
        Holding(row.id, row.name, row.issn_l or row.issn_electronic or row.issn_print or "", tuple(shelves[row.id]))
        for row in titles
    ]


class Parties(NamedTuple):
    """Who was a party to a licence, on which days: institutions with the same days are named once."""

    paid: tuple[Days, ...]
    institution_ids: tuple[int, ...]


def reckon(
    session: Session, held: Sequence[Holding], on: date, institution_ids: Collection[int] = ()
) -> dict[int, dict[int, Reach]]:
    """By institution and journal, what rights reach of ``held`` on this day; of all active institutions, or of these.

    Institutions that have nothing of a journal are left out.
    """
    lines = _lines(session, [one.title_id for one in held])
    parties = _parties(session, {licence.id for of_title in lines.values() for _, licence in of_title}, institution_ids)
    years: dict[tuple[object, ...], _Years] = {}
    dates = {shelf.place.published for one in held for shelf in one.shelves if shelf.place.published}
    found: dict[int, dict[int, Reach]] = defaultdict(dict)
    for one in held:
        if one.title_id not in lines:
            continue
        issues, given = _Issues(one), list[_Given]()
        whose: dict[int, int] = defaultdict(int)
        """By institution, which of ``given`` it has, as bits."""
        for line, licence in lines[one.title_id]:
            covered = issues.covered(coverage_of(line))
            for party in parties.get(licence.id, ()) if covered else ():
                key = (licence.id, line.embargo, party.paid)
                at = years.get(key)
                if at is None:
                    at = years[key] = _Years(claim_of(line, licence, party.paid), on, dates)
                earned, subscribed = covered & issues.of(at.earned), covered & issues.of(at.subscribed)
                if earned or subscribed:
                    for institution in party.institution_ids:
                        if line.institution_id in (None, institution):
                            whose[institution] |= 1 << len(given)
                    given.append(_Given(line.state, licence.code, earned, subscribed))
        alike: dict[int, Reach] = {}
        for institution, which in whose.items():
            reach = alike.get(which)
            if reach is None:
                reach = alike[which] = _reach(one, [each for number, each in enumerate(given) if which >> number & 1])
            found[institution][one.title_id] = reach
    return dict(found)


class _Given(NamedTuple):
    """What one line of a title list gives to those who paid on the same days, as sets of issues."""

    state: str
    licence: str
    earned: int
    subscribed: int


class _Years:
    """In which years something has to have appeared so that a claim gives it; what is not dated is never given."""

    def __init__(self, claim: Claim, on: date, dates: Collection[str]) -> None:
        current = is_current(claim, on)
        earned, subscribed = set(), set()
        for dated in dates:
            over = claim.embargo.is_over(dated, on)
            if over and is_earned(claim, dated, on):
                earned.add(dated)
            if current and over and claim.embargo.still_rolls(dated, on):
                subscribed.add(dated)
        self.earned, self.subscribed = frozenset(earned), frozenset(subscribed)


class _Issues:
    """The issues of one journal by what tells them apart, each answer kept: many licences ask the same."""

    def __init__(self, held: Holding) -> None:
        self._held = held
        self._covered: dict[Coverage, int] = {}
        self._given: dict[frozenset[str], int] = {}
        self._by_year: dict[str | None, int] = defaultdict(int)
        for number, shelf in enumerate(held.shelves):
            self._by_year[shelf.place.published] |= 1 << number

    def covered(self, coverage: Coverage) -> int:
        """The issues that a line of a title list names."""
        known = self._covered.get(coverage)
        if known is None:
            known = sum(coverage.has(shelf.place) << number for number, shelf in enumerate(self._held.shelves))
            self._covered[coverage] = known
        return known

    def of(self, years: frozenset[str]) -> int:
        """The issues that appeared in these years."""
        known = self._given.get(years)
        if known is None:
            known = self._given[years] = sum(issues for year, issues in self._by_year.items() if year in years)
        return known


def _reach(held: Holding, given: Iterable[_Given]) -> Reach:
    earned = subscribed = claimed = 0
    by_licence: dict[str, int] = defaultdict(int)
    for one in given:
        if one.state == ClaimState.AGREED:
            earned |= one.earned
            subscribed |= one.subscribed
            if one.earned:
                by_licence[one.licence] |= one.earned
        elif one.state != ClaimState.REJECTED:
            claimed |= one.earned | one.subscribed
    return Reach(
        earned,
        subscribed,
        held.counted(earned),
        held.counted(subscribed & ~earned),
        held.counted(claimed & ~earned & ~subscribed),
        {code: held.counted(issues) for code, issues in by_licence.items()},
    )


_LINE = (*LINE, Entitlement.title_id, Entitlement.licence_id, Entitlement.institution_id)


def _lines(session: Session, title_ids: Sequence[int]) -> dict[int, list[tuple[Line, Licence]]]:
    """By journal, the lines of title lists that speak of it, but for those that are for everyone."""
    found: dict[int, list[tuple[Line, Licence]]] = defaultdict(list)
    licences: dict[int, Licence] = {}
    for some in parts(title_ids):
        rows = session.execute(select(*_LINE).where(Entitlement.title_id.in_(some))).all()
        for few in parts(sorted({row.licence_id for row in rows} - licences.keys())):
            licences |= {one.id: one for one in session.execute(select(Licence).where(Licence.id.in_(few))).scalars()}
        for row in rows:
            if licences[row.licence_id].type != LicenceType.OPEN:
                found[row.title_id].append((row, licences[row.licence_id]))
    return found


def _parties(
    session: Session, licence_ids: Iterable[int], institution_ids: Collection[int]
) -> dict[int, list[Parties]]:
    wanted = sorted(licence_ids)
    active = select(Institution.id).where(Institution.active)
    known = set(session.execute(active).scalars()) if not institution_ids else set(institution_ids)
    joined = memberships_of(session, known)
    members: dict[int, list[int]] = defaultdict(list)
    for institution, consortia in joined.items():
        for consortium in consortia:
            members[consortium].append(institution)
    found: dict[int, list[Parties]] = {}
    for some in parts(wanted):
        periods = periods_of(session, some)
        rows = session.execute(select(LicenceParty).where(LicenceParty.licence_id.in_(some))).scalars()
        spans: dict[int, dict[int, list[Days]]] = defaultdict(lambda: defaultdict(list))
        for party in rows:
            direct = [party.institution_id] if party.institution_id in known else []
            for institution in direct if party.consortium_id is None else members[party.consortium_id]:
                assert institution is not None
                spans[party.licence_id][institution] += as_party(party, joined.get(institution, {}))
        for licence, of_institution in spans.items():
            alike: dict[tuple[Days, ...], list[int]] = defaultdict(list)
            for institution, days in of_institution.items():
                alike[paid_days(periods.get(licence, ()), days)].append(institution)
            found[licence] = [Parties(paid, tuple(sorted(who))) for paid, who in alike.items() if paid]
    return found
