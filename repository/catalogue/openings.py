"""What of a journal appeared in one year, with its files: for crawlers, who take what is open a year at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, exists, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.models import Aip, Article, Copy, File, Issue
from repository.vocabulary import GIVEN_UP, ArticleRecord, ArticleState

NO_YEAR = 0
"""The year of what bears none."""

_Issue = Row[int, str, int]
"""Number, shelf, and how many articles are shown in it."""

Place = tuple[str, str, str]
"""Shelf of the issue, shelf of the article, id: the order of a year."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One article in its year, and the files of its latest version that was not disposed of."""

    place: Place
    record: ArticleRecord
    version: int
    files: tuple[str, ...]

    @property
    def id(self) -> str:
        """The article's id."""
        return self.place[2]


def years_of(session: Session, title_id: int) -> list[int]:
    """The years of a journal in which it shows anything, the newest first; :data:`NO_YEAR` last."""
    asked = select(Issue.year).where(Issue.title_id == title_id, Issue.articles > 0).distinct()
    return sorted((year or NO_YEAR for year in session.scalars(asked)), reverse=True)


def articles_of(session: Session, title_id: int, year: int, *, after: Place | None, limit: int) -> list[Shown]:
    """The articles of one year in their order, those after the place ``after``: read an issue at a time, by its index,
    so that a page of a journal that publishes thousands a year costs no more than any other."""
    of_year = Issue.year == year if year else Issue.year.is_(None)
    shown = (Issue.title_id == title_id, Issue.articles > 0, of_year)
    issues = select(Issue.id, Issue.shelf, Issue.articles).where(*shown)
    if after is not None:
        issues = issues.where(Issue.shelf >= after[0])
    found: list[Row[str, str, str, dict[str, Any]]] = []
    for some in _together(session.execute(issues.order_by(Issue.shelf)).all(), after, limit):
        found += _articles_in(session, some, after, limit - len(found))
        if len(found) == limit:
            break
    files = _files(session, [row.id for row in found])
    return [
        Shown((issue, shelf, article), ArticleRecord.from_json(record), *files.get(article, (0, ())))
        for issue, shelf, article, record in found
    ]


def _together(issues: Sequence[_Issue], after: Place | None, limit: int) -> Iterator[list[_Issue]]:
    """The issues in their order, small ones together as far as they fill a page, a large one and one begun alone."""
    some: list[_Issue] = []
    for one in issues:
        begun = after is not None and one.shelf == after[0]
        if some and (begun or sum(each.articles for each in [*some, one]) > limit):
            yield some
            some = []
        some.append(one)
        if begun:
            yield some
            some = []
    if some:
        yield some


def _articles_in(
    session: Session, issues: list[_Issue], after: Place | None, limit: int
) -> Sequence[Row[str, str, str, dict[str, Any]]]:
    asked = (
        select(Issue.shelf, Article.shelf, Article.id, Article.record)
        .join(Article, Article.issue_id == Issue.id)
        .where(Article.state == ArticleState.ACTIVE)
    )
    if len(issues) > 1:
        asked = asked.where(Issue.id.in_([one.id for one in issues]))
        return session.execute(asked.order_by(Issue.shelf, Article.shelf, Article.id).limit(limit)).all()
    asked = asked.where(Article.issue_id == issues[0].id, Issue.id == issues[0].id)
    if after is not None and issues[0].shelf == after[0]:
        asked = asked.where(tuple_(Article.shelf, Article.id) > tuple_(*map(literal, after[1:])))
    return session.execute(asked.order_by(Article.shelf, Article.id).limit(limit)).all()


def _files(session: Session, articles: list[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    kept = exists().where(Copy.aip_id == Aip.id, Copy.state.not_in(GIVEN_UP))
    rows = session.execute(
        select(Aip.article_id, Aip.version, File.path)
        .join(File, File.aip_id == Aip.id)
        .where(Aip.article_id.in_(articles), kept)
        .order_by(Aip.article_id, Aip.version, File.position)
    )
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for article, version, path in rows:
        known = found.get(article)
        found[article] = (version, (*known[1], path) if known is not None and known[0] == version else (path,))
    return found
