"""Where an article stands: keys whose byte order is the order of the shelf, made from whatever the publisher wrote."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Article, Issue, Title
from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord

_DIGITS = re.compile(r"\d+")
_UNKNOWN_YEAR = "0000"


def natural(text: str | None) -> str:
    """``"12-13"`` before ``"100"``: folded text whose numbers are padded to eight digits."""
    return _DIGITS.sub(lambda run: run.group().zfill(8)[:32], tr_fold(text or ""))


def issue_shelf(record: ArticleRecord) -> str:
    """The key of the issue: year, volume, issue."""
    year = f"{record.year:04d}" if record.year else _UNKNOWN_YEAR
    return "|".join((year, natural(record.volume), natural(record.issue)))


def page_shelf(record: ArticleRecord) -> str:
    """The key of an article within its issue: page or article number, then title."""
    return natural(record.first_page or record.elocation) + "|" + tr_fold(record.title or "")[:80]


def issue_of(session: Session, title: Title, record: ArticleRecord) -> Issue:
    """The issue in which ``record`` stands, made if it is the first of it."""
    shelf = issue_shelf(record)
    issue = session.execute(select(Issue).where(Issue.title_id == title.id, Issue.shelf == shelf)).scalar_one_or_none()
    if issue is None:
        issue = Issue(
            title_id=title.id, shelf=shelf, year=record.year, volume=record.volume, issue=record.issue, articles=0
        )
        session.add(issue)
        session.flush()
    return issue


def count(session: Session, article: Article, number: int) -> None:
    """Add ``number`` to what its issue and its title say they hold."""
    issue, title = session.get_one(Issue, article.issue_id), session.get_one(Title, article.title_id)
    issue.articles = Issue.articles + number
    title.articles = Title.articles + number
    session.flush()
