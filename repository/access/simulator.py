"""If a publisher stopped serving on some day: who keeps what, by which clause, from which store; what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.access import reach
from repository.access.reach import Holding, Reach
from repository.catalogue.parts import parts
from repository.models import Aip, Article, Copy, Institution, Licence, Shortfall
from repository.rights import Perpetual
from repository.vocabulary import CopyState

MOST_TROUBLES = 10_000
"""Copies that are not whole are counted up to so many."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one institution would keep: numbers of journals and of articles."""

    institution_id: int
    code: str
    name: str
    titles: int
    articles: int
    """It has a right to them for ever."""
    until_it_ends: int
    """Articles to which it has a right only as long as a subscription runs."""
    claimed: int
    """Articles that it claims, and nobody has agreed."""
    by_licence: Mapping[str, int]
    """Articles by the code of the licence that gives them; what two give is counted with both."""


@dataclass(frozen=True, slots=True)
class Source:
    """What one store could serve: articles all of whose copies there are whole, or how many are not."""

    store: str
    damaged: int
    missing: int
    silent: int

    @property
    def troubled(self) -> int:
        """Copies that could not be served from there now."""
        return self.damaged + self.missing + self.silent


@dataclass(frozen=True, slots=True)
class Simulation:
    """The answer. ``kept`` has every active institution that has anything, by name."""

    on: date
    held: Sequence[Holding]
    rights: Mapping[int, Mapping[int, Reach]]
    kept: Sequence[Kept]
    nobodys: int
    """Articles that no institution would keep."""
    missing: Mapping[int, int]
    """By journal, things that its lists expect and that are not held."""
    sources: Sequence[Source]
    clauses: Mapping[str, Perpetual]
    """What the clause of each licence gives."""

    @property
    def articles(self) -> int:
        """All that is held of these journals."""
        return sum(one.articles for one in self.held)

    @property
    def lacking(self) -> int:
        """Things that are expected of these journals and not held."""
        return sum(self.missing.values())


def simulate(
    session: Session,
    on: date,
    *,
    publisher_id: int | None = None,
    title_ids: Collection[int] = (),
    institution_ids: Collection[int] = (),
    stores: Sequence[str] = (),
) -> Simulation:
    """What would be kept of a publisher's journals, or of these, by all active institutions or by these."""
    held = reach.holdings(session, publisher_id=publisher_id, title_ids=title_ids)
    rights = reach.reckon(session, held, on, institution_ids)
    named = _institutions(session, rights)
    kept = [_kept(*named[one], rights[one].values()) for one in named]
    anybodys: dict[int, int] = {}
    for of_titles in rights.values():
        for title, one in of_titles.items():
            anybodys[title] = anybodys.get(title, 0) | one.earned
    nobodys = sum(one.articles - one.counted(anybodys.get(one.title_id, 0)) for one in held)
    codes = {code for one in kept for code in one.by_licence}
    return Simulation(
        on,
        held,
        rights,
        kept,
        nobodys,
        missing(session, [one.title_id for one in held]),
        sources(session, [one.title_id for one in held], stores),
        _clauses(session, codes),
    )


def lines(found: Simulation) -> Iterator[tuple[Kept, Holding, Reach]]:
    """Every institution with every journal of which it has anything, in order."""
    by_title = {one.title_id: one for one in found.held}
    for one in found.kept:
        of_titles = found.rights[one.institution_id]
        yield from ((one, held, of_titles[title]) for title, held in by_title.items() if title in of_titles)


def missing(session: Session, title_ids: Sequence[int]) -> dict[int, int]:
    """By journal, what its lists expect and is not held, as it was counted last; without those that lack nothing."""
    found: dict[int, int] = {}
    for some in parts(title_ids):
        rows = session.execute(
            select(Shortfall.title_id, Shortfall.missing).where(Shortfall.title_id.in_(some), Shortfall.missing > 0)
        )
        found |= {row.title_id: row.missing for row in rows if row.missing}
    return found


def sources(session: Session, title_ids: Sequence[int], stores: Sequence[str]) -> list[Source]:
    """Of each store, how many copies of these journals are not whole: by the index over states, where few are."""
    wanted = set(title_ids)
    found = []
    for store in stores:
        number: dict[str, int] = {}
        for state in (CopyState.DAMAGED, CopyState.MISSING):
            number[state] = _troubled(session, wanted, Copy.store == store, Copy.state == state)
        silent = _troubled(session, wanted, Copy.store == store, Copy.unreadable_since.is_not(None))
        found.append(Source(store, number[CopyState.DAMAGED], number[CopyState.MISSING], silent))
    return found


def _troubled(session: Session, title_ids: set[int], *where: object) -> int:
    some = select(Copy.aip_id).where(*where).limit(MOST_TROUBLES).subquery()  # type: ignore[arg-type]
    rows = session.execute(
        select(Article.title_id, func.count())
        .select_from(some)
        .join(Aip, Aip.id == some.c.aip_id)
        .join(Article, Article.id == Aip.article_id)
        .group_by(Article.title_id)
    )
    return sum(number for title, number in rows if title in title_ids)


def _kept(institution_id: int, code: str, name: str, of_titles: Iterable[Reach]) -> Kept:
    titles = articles = until = claimed = 0
    by_licence: dict[str, int] = {}
    for one in of_titles:
        titles += one.earned != 0
        articles += one.articles
        until += one.until_it_ends
        claimed += one.claimed
        for licence, number in one.by_licence.items():
            by_licence[licence] = by_licence.get(licence, 0) + number
    return Kept(institution_id, code, name, titles, articles, until, claimed, dict(sorted(by_licence.items())))


def _institutions(session: Session, ids: Collection[int]) -> dict[int, tuple[int, str, str]]:
    rows = session.execute(
        select(Institution.id, Institution.code, Institution.name).order_by(Institution.sort_key, Institution.id)
    )
    return {row.id: (row.id, row.code, row.name) for row in rows if row.id in ids}


def _clauses(session: Session, codes: Collection[str]) -> dict[str, Perpetual]:
    found: dict[str, Perpetual] = {}
    for some in parts(sorted(codes)):
        rows = session.execute(select(Licence.code, Licence.perpetual).where(Licence.code.in_(some)))
        found |= {row.code: Perpetual(row.perpetual) for row in rows}
    return found
