"""Where an article stands: keys whose byte order is the order of the shelf, made from whatever the publisher wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.models import Issue, Title
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


def count(session: Session, numbers: Mapping[tuple[int, int], int]) -> None:
    """Add to what titles and issues say they hold: ``{(title id, issue id): number}``.

    In one order everywhere, so that two transactions never wait for each other.
    """
    in_title: Counter[int] = Counter()
    in_issue: Counter[int] = Counter()
    for (title, issue), number in numbers.items():
        in_title[title] += number
        in_issue[issue] += number
    for identifier, number in sorted(in_title.items()):
        title_row = session.get_one(Title, identifier)
        title_row.articles = Title.articles + number
    for identifier, number in sorted(in_issue.items()):
        issue_row = session.get_one(Issue, identifier)
        issue_row.articles = Issue.articles + number
    session.flush()
