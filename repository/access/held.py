"""What is held of each journal, issue by issue, in the order of the alphabet: what every holdings list is made from.

A walk over journals and issues and never over articles. Each page is a transaction of its own, so that no writer
waits for a list, however long it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, cast, exists, func, literal, select, tuple_
from sqlalchemy.orm import Session, aliased

from repository.access import rights
from repository.access.entitlement import is_current
from repository.catalogue import Catalogue, opened, sets
from repository.models import (
    Article,
    Entitlement,
    HarvestSet,
    Issue,
    Licence,
    Publisher,
    Shortfall,
    Title,
    TitleIssn,
    Trigger,
)
from repository.rights import Audience, ClaimState, Hosting, LicenceType
from repository.vocabulary import ArticleState

A_PAGE = 500
"""Journals that are asked for at once."""


class HeldIssue(NamedTuple):
    """One issue of which something is shown; ``year`` is None where the publisher gave no date."""

    id: int
    year: int | None
    volume: str | None
    issue: str | None


@dataclass(frozen=True, slots=True)
class HeldTitle:
    """One journal and what is held of it, from its first issue to its last."""

    id: int
    name: str
    identifier: str
    """By which lists name it for ever: the ISSN under which it was known first."""
    address: str
    """The ISSN under which its page lies."""
    issn_print: str | None
    issn_electronic: str | None
    issn_l: str | None
    publisher: str
    publisher_slug: str
    preceding: str | None
    """The identifier of the journal that it continues,"""
    preceding_name: str | None
    """and its name."""
    issues: Sequence[HeldIssue]
    free: bool
    """Whether everyone may read all that is held of it."""
    expected: int | None
    missing: int | None
    """What its lists expect and how much of that is not held, as counted last; None: nobody gave a list."""

    @property
    def dated(self) -> list[HeldIssue]:
        """The issues whose year is known."""
        return [issue for issue in self.issues if issue.year is not None]


class Run(NamedTuple):
    """Issues between which less than twelve months are missing."""

    issues: Sequence[HeldIssue]

    @property
    def first(self) -> HeldIssue:
        """The earliest."""
        return self.issues[0]

    @property
    def last(self) -> HeldIssue:
        """The latest."""
        return self.issues[-1]


def runs(issues: Iterable[HeldIssue]) -> list[Run]:
    """Dated issues in their order, parted wherever a whole year is missing (KBART 6.6: a gap of twelve months or more).

    Years are all that is known of every issue: between two that follow each other there may be a gap of more than
    twelve months, and nobody said so.
    """
    found: list[list[HeldIssue]] = []
    for issue in issues:
        assert issue.year is not None
        before = found[-1][-1].year if found else None
        if before is None or issue.year - before >= 2:
            found.append([])
        found[-1].append(issue)
    return [Run(some) for some in found]


def walk(catalogue: Catalogue, now: datetime, publisher_id: int | None = None) -> Iterator[list[HeldTitle]]:
    """All journals of which something is held, of one publisher or of all, a page at a time in the order of their
    sort keys. Raises DatabaseUnavailable.
    """
    after: tuple[str, int] | None = None
    with catalogue.reading() as session:
        opened = _opened(session, now)
        open_set = session.execute(select(HarvestSet.id).where(HarvestSet.spec == sets.OPEN)).scalar()
    while True:
        with catalogue.reading() as session:
            rows = _titles(session, after, publisher_id)
            page = _with_issues(session, rows, opened, open_set)
        yield page
        if len(rows) < A_PAGE:
            return
        after = (rows[-1].sort_key, rows[-1].id)


def issues_of(session: Session, title_ids: Sequence[int]) -> dict[int, list[HeldIssue]]:
    """By journal, the issues that hold something, in the order of their shelves; without those that hold nothing."""
    columns = (Issue.title_id, Issue.id, Issue.year, Issue.volume, Issue.issue)
    listed = session.execute(
        select(*columns).where(Issue.title_id.in_(title_ids), Issue.articles > 0).order_by(Issue.title_id, Issue.shelf)
    ).all()
    by_title = groupby(listed, key=lambda row: int(row[0]))
    return {title: [HeldIssue(*row[1:]) for row in some] for title, some in by_title}


def identifier_of(title: type[Title] = Title) -> ColumnElement[str]:
    """The ISSN by which lists name a journal, as a column."""
    return func.coalesce(title.set_issn, title.issn_l, title.issn_electronic, title.issn_print, _any_issn(title), "")


def _any_issn(title: type[Title]) -> ColumnElement[str | None]:
    return select(func.min(TitleIssn.issn)).where(TitleIssn.title_id == title.id).scalar_subquery()


def _titles(session: Session, after: tuple[str, int] | None, publisher_id: int | None) -> Sequence[Any]:
    before = aliased(Title)
    asked = (
        select(
            Title.id,
            Title.sort_key,
            Title.name,
            identifier_of().label("identifier"),
            func.coalesce(Title.issn_electronic, Title.issn_print, Title.issn_l, _any_issn(Title), "").label("address"),
            Title.issn_print,
            Title.issn_electronic,
            Title.issn_l,
            Publisher.id.label("publisher_id"),
            Publisher.name.label("publisher"),
            Publisher.slug,
            identifier_of(before).label("preceding"),
            before.id.label("preceding_id"),
            before.name.label("preceding_name"),
            Shortfall.expected,
            Shortfall.missing,
        )
        .join(Publisher, Publisher.id == Title.publisher_id)
        .outerjoin(before, before.id == Title.preceding_id)
        .outerjoin(Shortfall, Shortfall.title_id == Title.id)
        .order_by(Title.sort_key, Title.id)
        .limit(A_PAGE)
    )
    if after is not None:
        asked = asked.where(tuple_(Title.sort_key, Title.id) > tuple_(literal(after[0]), literal(after[1])))
    if publisher_id is not None:
        asked = asked.where(Title.publisher_id == publisher_id)
    return session.execute(asked).all()


def _with_issues(session: Session, rows: Sequence[Any], opened: _Opened, open_set: int | None) -> list[HeldTitle]:
    ids = [row.id for row in rows]
    held = issues_of(session, ids)
    free = _free(session, [identifier for identifier in ids if identifier in held], open_set)
    return [
        HeldTitle(
            id=row.id,
            name=row.name,
            identifier=row.identifier,
            address=row.address,
            issn_print=row.issn_print,
            issn_electronic=row.issn_electronic,
            issn_l=row.issn_l,
            publisher=row.publisher,
            publisher_slug=row.slug,
            preceding=row.preceding if row.preceding_id is not None else None,
            preceding_name=row.preceding_name,
            issues=held[row.id],
            free=row.id in free or opened.has(row.id, row.publisher_id),
            expected=row.expected,
            missing=row.missing,
        )
        for row in rows
        if row.id in held
    ]


def _free(session: Session, ids: Sequence[int], open_set: int | None) -> set[int]:
    """Those of these journals of which every article bears an open licence.

    A look along each journal's own articles that ends at the first one that does not: with a journal that is sold,
    at once. ``Article.places`` says it without the record being read.
    """
    if open_set is None:
        return set()
    # The number of the set in quotes, as it stands in the list.
    is_open = cast(Article.places, Text).contains(f'"{sets.place_of_set(open_set)}"', autoescape=True)
    closed = exists().where(Article.title_id == Title.id, Article.state == ArticleState.ACTIVE, ~is_open)
    return set(session.execute(select(Title.id).where(Title.id.in_(ids), ~closed)).scalars())


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is open to everyone as a whole: by the publisher's permission, or by a trigger."""

    everything: bool
    title_ids: frozenset[int]
    publisher_ids: frozenset[int]

    def has(self, title_id: int, publisher_id: int) -> bool:
        return self.everything or title_id in self.title_ids or publisher_id in self.publisher_ids


def _opened(session: Session, now: datetime) -> _Opened:
    everyones = select(Trigger).where(opened.stands(now), Trigger.audience == Audience.EVERYONE).order_by(Trigger.id)
    triggers = rights.in_force(session, session.execute(everyones).scalars().all())
    bounds = (Entitlement.first_date, Entitlement.first_volume, Entitlement.last_date, Entitlement.last_volume)
    rows = session.execute(
        select(Entitlement, Licence)
        .join(Licence, Licence.id == Entitlement.licence_id)
        .where(
            Licence.type == LicenceType.OPEN,
            Licence.hosting == Hosting.ALWAYS,
            Entitlement.state == ClaimState.AGREED,
            Entitlement.embargo.is_(None),
            Entitlement.institution_id.is_(None),
            *(bound.is_(None) for bound in bounds),
        )
    ).all()
    periods = rights.periods_of(session, {licence.id for _, licence in rows})
    permitted = {
        entitlement.title_id
        for entitlement, licence in rows
        if is_current(rights.claim_of(entitlement, licence, tuple(periods.get(licence.id, ()))), now.date())
    }
    return _Opened(
        any(one.nation for one in triggers),
        frozenset(permitted.union(*(one.title_ids for one in triggers))),
        frozenset().union(*(one.publisher_ids for one in triggers)),
    )
