"""What of a journal appeared in one year, with its files: for crawlers, who take what is open a year at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.models import Aip, Article, Copy, File, Issue
from repository.vocabulary import GIVEN_UP, ArticleRecord, ArticleState

NO_YEAR = 0
"""The year of what bears none."""

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
    """The articles of one year in their order, those after the place ``after``."""
    asked = (
        select(Issue.shelf, Article.shelf, Article.id, Article.record)
        .join(Article, Article.issue_id == Issue.id)
        .where(
            Issue.title_id == title_id,
            Issue.year == year if year else Issue.year.is_(None),
            Article.state == ArticleState.ACTIVE,
        )
    )
    if after is not None:
        asked = asked.where(tuple_(Issue.shelf, Article.shelf, Article.id) > tuple_(*map(literal, after)))
    rows = session.execute(asked.order_by(Issue.shelf, Article.shelf, Article.id).limit(limit)).all()
    files = _files(session, [row.id for row in rows])
    return [
        Shown((issue, shelf, article), ArticleRecord.from_json(record), *files.get(article, (0, ())))
        for issue, shelf, article, record in rows
    ]


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
