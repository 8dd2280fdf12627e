"""What a title should hold and does: expectations from lists and tables of contents, against what is preserved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, insert, literal, select, tuple_
from sqlalchemy.orm import Session, aliased

from repository.catalogue import holding, shortfalls
from repository.catalogue.holding import Holding, Place, Wanted, first_page, name_key, place_of
from repository.models import Article, Delivery, Expectation, Title
from repository.turkish import machine_lower

MOST_AHEAD = 500
"""So many years or volumes at most a list that goes on stands for."""
_A_YEAR_SHOWS_AFTER = timedelta(days=90)
"""Something of a new year is expected once a quarterly's first issue has come out."""

_INSERT = insert(Expectation)
_A_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of a list: an article, or an issue, a volume or a year where neither DOI, page nor title is given.

    ``goes_on``: every volume from this one to the newest that is held, or every year from this one to now.
    """

    doi: str | None = None
    year: int | None = None
    volume: str | None = None
    issue: str | None = None
    page: str | None = None
    name: str | None = None
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation: who says so, where it belongs in the grid, and whether it is held, as which article if known."""

    id: int
    source: str
    delivery_id: str | None
    expected: Expected
    held: bool
    place: Place
    article_id: str | None = None


@dataclass(slots=True)
class Cell:
    """One issue, or a volume or year without issues: of ``expected`` lines so many are ``missing``.

    ``issues`` are the issues on our shelves that stand for it, each with the number of articles preserved:
    several where one issue lies under two years.
    """

    year: int | None
    volume: str | None
    issue: str | None
    place: Place
    expected: int = 0
    missing: int = 0
    loose: int = 0
    """Of the expected lines, those for which anything of the issue, volume or year is enough."""
    issues: list[tuple[int, int]] = field(default_factory=list)

    @property
    def held(self) -> int:
        """How many articles are preserved."""
        return sum(number for _, number in self.issues)


@dataclass(slots=True)
class Summary:
    """A title's lists in two numbers."""

    expected: int = 0
    missing: int = 0


def expect(
    session: Session, title: Title, source: str, lines: Iterable[Expected], delivery_id: str | None = None
) -> int:
    """Enter what the list ``source`` says of this title, in the place of what it said before; how many lines."""
    session.execute(
        delete(Expectation).where(
            Expectation.title_id == title.id, Expectation.source == source, Expectation.delivery_id == delivery_id
        )
    )
    rows: list[dict[str, Any]] = [
        {
            "title_id": title.id,
            "source": source,
            "delivery_id": delivery_id,
            "key": _key(line),
            "goes_on": line.goes_on,
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
    shortfalls.listed(session, title.id)
    return len(rows)


def supersede(
    session: Session, title: Title, delivery: Delivery, issues: Iterable[tuple[str | None, str | None]]
) -> None:
    """Forget what tables of contents of earlier deliveries said of these issues (volume, issue): a new one has come."""
    earlier = select(Delivery.id).where(Delivery.accepted_on <= delivery.accepted_on, Delivery.id != delivery.id)
    for volume, issue in issues:
        session.execute(
            delete(Expectation).where(
                Expectation.title_id == title.id,
                Expectation.volume == volume,
                Expectation.issue == issue,
                Expectation.delivery_id.in_(earlier),
            )
        )
    shortfalls.listed(session, title.id)


def lines_of(session: Session, titles: Sequence[Title], today: date, after: tuple[int, int] = (0, 0)) -> Iterator[Line]:
    """Every expectation of these titles, each once, in the order in which they were entered, streamed.

    With a DOI: an article with this DOI is preserved, or one without a DOI at that page. With a page, an article
    number or a title: such an article is preserved in that volume and issue, or in that year. With neither:
    any article of that issue, volume or year is. ``after``: the title and the line to go on after.
    """
    yield from (line for _, line in _lines(session, {title.id for title in titles}, today, after))


def grid(session: Session, title: Title, today: date) -> list[Cell]:
    """Every issue that is held or expected, the newest volume or year first; costs as much as the title is large."""
    held = holding.of_titles(session, [title.id])[title.id]
    cells: dict[Place, Cell] = {}
    for place, identifiers in held.by_place.items():
        newest = held.issues[identifiers[-1]]
        found = [(each, held.issues[each].articles) for each in identifiers]
        cells[place] = Cell(newest.year, newest.volume, newest.issue, place, issues=found)
    for _, line in _lines(session, {title.id}, today, (0, 0), {title.id: held}):
        wanted = line.expected
        cell = cells.setdefault(line.place, Cell(wanted.year, wanted.volume, wanted.issue, line.place))
        cell.year = cell.year or wanted.year
        cell.expected += 1
        cell.missing += not line.held
        cell.loose += not (wanted.doi or wanted.page or wanted.name)
    return _in_rows(cells)


def summaries(session: Session, titles: Sequence[Title], today: date) -> dict[int, Summary]:
    """What is expected and missing of each of these titles, by its id."""
    found = {title.id: Summary() for title in titles}
    for title, line in _lines(session, set(found), today, (0, 0)):
        found[title].expected += 1
        found[title].missing += not line.held
    return found


def titles_expected(session: Session, *, after: tuple[str, int] | None = None, limit: int) -> Sequence[Title]:
    """The next titles of which a list says what should be there, in the order of the Turkish alphabet."""
    statement = select(Title).where(exists().where(Expectation.title_id == Title.id).correlate(Title))
    if after is not None:
        statement = statement.where(tuple_(Title.sort_key, Title.id) > tuple_(literal(after[0]), literal(after[1])))
    return session.execute(statement.order_by(Title.sort_key, Title.id).limit(limit)).scalars().all()


def sources(session: Session, title: Title, limit: int) -> Sequence[tuple[str, str | None, int]]:
    """The newest lists that speak of a title: name, the delivery with which it came, and how many lines."""
    rows = session.execute(
        select(Expectation.source, Expectation.delivery_id, func.count())
        .where(Expectation.title_id == title.id)
        .group_by(Expectation.source, Expectation.delivery_id)
        .order_by(func.max(Expectation.id).desc())
        .limit(limit)
    )
    return [(source, delivery, number) for source, delivery, number in rows]


def forget(session: Session, title: Title, source: str, delivery_id: str | None) -> None:
    """Take a list away that should not have been loaded."""
    expect(session, title, source, (), delivery_id)


def forget_delivery(session: Session, delivery_id: str) -> None:
    """Take away what the tables of contents of this delivery said: they are read again."""
    told = select(Expectation.title_id).where(Expectation.delivery_id == delivery_id).distinct()
    shortfalls.changed(session, session.execute(told).scalars())
    session.execute(delete(Expectation).where(Expectation.delivery_id == delivery_id))


def _lines(
    session: Session,
    titles: set[int],
    today: date,
    after: tuple[int, int],
    held: dict[int, Holding] | None = None,
) -> Iterator[tuple[int, Line]]:
    held = holding.of_titles(session, titles) if held is None else held
    same, found = aliased(Expectation), aliased(Article)
    twice = exists().where(same.title_id == Expectation.title_id, same.key == Expectation.key, same.id < Expectation.id)
    by_doi = select(func.min(found.id)).where(found.doi == Expectation.doi).correlate(Expectation).scalar_subquery()
    asked = (
        select(*(getattr(Expectation, name) for name in Wanted._fields[:-2]), Article.id, Article.issue_id)
        .outerjoin(Article, Article.id == by_doi)
        .where(Expectation.title_id.in_(titles), ~twice)
        .order_by(Expectation.title_id, Expectation.id)
        .limit(_A_PAGE)
    )
    while True:
        key = tuple_(Expectation.title_id, Expectation.id)
        rows = [
            Wanted._make(row)
            for row in session.execute(asked.where(key > tuple_(literal(after[0]), literal(after[1]))))
        ]
        wanted: dict[int, set[int]] = {title: set() for title in titles}
        for row in rows:
            if row.article_id is None:
                wanted[row.title_id].update(held[row.title_id].near(row))
        for title, identifiers in wanted.items():
            held[title].look_into(session, identifiers)
        for row in rows:
            for line in _judged(held[row.title_id], row, today):
                yield row.title_id, line
        if len(rows) < _A_PAGE:
            return
        after = (rows[-1].title_id, rows[-1].id)


def _in_rows(cells: dict[Place, Cell]) -> list[Cell]:
    """The cells of a volume, or of a year without volumes, together; by year where every row has one."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for place in sorted(cells, reverse=True):
        rows.setdefault(place[:2], []).append(cells[place])
    years = {row: max((cell.year or 0 for cell in rows[row]), default=0) for row in rows}
    order = sorted(rows, key=lambda row: (years[row], row) if all(years.values()) else (0, row), reverse=True)
    return [cell for row in order for cell in rows[row]]


def _judged(held: Holding, row: Wanted, today: date) -> Iterator[Line]:
    for one in _each(row, held, today):
        if row.article_id is not None:
            found = row.issue_id
        elif row.doi or row.page or row.name:
            found = held.found_in(row)
        else:
            found = held.any_of(one.year, one.volume, one.issue)
        shelf = held.issues.get(found) if found is not None else None
        if shelf is None:  # not held, or under another title
            place = place_of(one.year, one.volume, one.issue)
        elif one.doi or one.page or one.name or one.issue:
            place = place_of(shelf.year, shelf.volume, shelf.issue)
        else:  # a whole volume or year: beside its issues
            place = place_of(shelf.year, shelf.volume, None)
        yield Line(row.id, row.source, row.delivery_id, one, found is not None, place, row.article_id)


def _each(row: Wanted, held: Holding, today: date) -> Iterator[Expected]:
    """The line, or all those for which one that goes on stands."""
    one = Expected(row.doi, row.year, row.volume, row.issue, row.page, row.name)
    if not row.goes_on:
        yield one
    elif row.volume:
        first = int(row.volume)
        for volume in range(first, min(max(held.newest_volume, first), first + MOST_AHEAD) + 1):
            yield replace(one, volume=str(volume), year=None)
    elif row.year:
        last = (today - _A_YEAR_SHOWS_AFTER).year
        for year in range(row.year, min(max(last, row.year), row.year + MOST_AHEAD) + 1):
            yield replace(one, year=year)


def _key(line: Expected) -> str:
    if line.doi:
        return machine_lower(line.doi)
    volume, year, issue = place_of(line.year, line.volume, line.issue)
    article = f"{first_page(line.page)}|{name_key(line.name) if not line.page else ''}"
    return "|".join((volume, year, issue, article, "+" if line.goes_on else ""))
