"""What a title should hold and does: expectations from lists that somebody gave, against what is preserved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue.shelves import natural
from repository.models import Article, Expectation, Issue, Title
from repository.turkish import machine_lower

_INSERT = insert(Expectation)
_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of a list: an article, or an issue or volume where neither DOI nor title is given."""

    doi: str | None = None
    year: int | None = None
    volume: str | None = None
    issue: str | None = None
    page: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation, and whether it is held."""

    source: str
    expected: Expected
    held: bool


@dataclass(slots=True)
class Cell:
    """One issue, or a volume without issues: ``held`` articles are preserved, ``missing`` of ``expected`` are not."""

    year: int | None
    volume: str | None
    issue: str | None
    held: int = 0
    expected: int = 0
    missing: int = 0
    issue_id: int | None = None


def expect(session: Session, title: Title, source: str, lines: Iterable[Expected]) -> int:
    """Enter what the list ``source`` says of this title, in the place of what it said before; how many lines."""
    session.execute(delete(Expectation).where(Expectation.title_id == title.id, Expectation.source == source))
    rows: list[dict[str, Any]] = [
        {
            "title_id": title.id,
            "source": source,
            "doi": machine_lower(line.doi) if line.doi else None,
            "year": line.year,
            "volume": line.volume,
            "issue": line.issue,
            "page": line.page,
            "name": line.name,
        }
        for line in lines
    ]
    if rows:
        session.connection().execute(_INSERT, rows)
    return len(rows)


def lines_of(session: Session, title: Title) -> Iterator[Line]:
    """Every expectation of a title with whether it is held, in the order in which it was entered, streamed.

    With a DOI: an article with this DOI is preserved. Without: any article of that volume and issue is.
    """
    shelves = {(natural(cell.volume), natural(cell.issue)) for cell in held(session, title)}
    volumes = {volume for volume, _ in shelves}
    preserved = exists().where(Article.doi == Expectation.doi).correlate(Expectation)
    after = 0
    while True:
        rows = session.execute(
            select(Expectation, preserved)
            .where(Expectation.title_id == title.id, Expectation.id > after)
            .order_by(Expectation.id)
            .limit(_A_PAGE)
        ).all()
        for row, is_held in rows:
            line = Expected(row.doi, row.year, row.volume, row.issue, row.page, row.name)
            if row.doi is None:
                place = (natural(row.volume), natural(row.issue))
                is_held = place in shelves if row.issue else place[0] in volumes  # noqa: PLW2901
            yield Line(row.source, line, bool(is_held))
        if len(rows) < _A_PAGE:
            return
        after = rows[-1][0].id


def held(session: Session, title: Title) -> list[Cell]:
    """What is preserved of a title, by issue, the newest first."""
    rows = session.execute(
        select(Issue).where(Issue.title_id == title.id, Issue.articles > 0).order_by(Issue.shelf.desc())
    ).scalars()
    return [Cell(row.year, row.volume, row.issue, held=row.articles, issue_id=row.id) for row in rows]


def grid(session: Session, title: Title) -> list[Cell]:
    """Every issue that is held or expected, the newest volume first; costs as much as the title is large."""
    cells: dict[tuple[str, str], Cell] = {}
    for cell in held(session, title):
        known = cells.setdefault((natural(cell.volume), natural(cell.issue)), cell)
        if known is not cell:  # the same issue under two years
            known.held += cell.held
    for line in lines_of(session, title):
        wanted = line.expected
        place = (natural(wanted.volume), natural(wanted.issue))
        cell = cells.setdefault(place, Cell(wanted.year, wanted.volume, wanted.issue))
        cell.expected += 1
        cell.missing += not line.held
    return [cells[place] for place in sorted(cells, reverse=True)]


def titles_expected(session: Session, *, after: tuple[str, int] | None = None, limit: int) -> Sequence[Title]:
    """The next titles of which a list says what should be there, in the order of the Turkish alphabet."""
    statement = select(Title).where(exists().where(Expectation.title_id == Title.id).correlate(Title))
    if after is not None:
        statement = statement.where(tuple_(Title.sort_key, Title.id) > tuple_(literal(after[0]), literal(after[1])))
    return session.execute(statement.order_by(Title.sort_key, Title.id).limit(limit)).scalars().all()
