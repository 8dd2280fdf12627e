"""Where in a journal something stands: its issues by volume, number and year, what begins on a page, what is held."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue.shelves import natural
from repository.coverage import runs_of
from repository.models import Article, Issue, Title
from repository.vocabulary import ArticleState


def issues_with(session: Session, title_id: int, *, volume: str, issue: str, year: str, limit: int) -> list[Issue]:
    """The newest issues of this volume and number and year, as far as each is given; none where nothing is."""
    if not (volume or issue or year):
        return []
    where = [Issue.title_id == title_id, Issue.articles > 0]
    if year.isdigit():
        where.append(Issue.year == int(year))
    found: list[Issue] = []
    for row in session.execute(select(Issue).where(*where).order_by(Issue.shelf.desc())).scalars():
        same = all(
            not asked or natural(asked) == natural(has) for asked, has in ((volume, row.volume), (issue, row.issue))
        )
        if same:
            found.append(row)
            if len(found) == limit:
                break
    return found


def former_and_later(session: Session, title: Title) -> list[Title]:
    """The journals that this one continues, the nearest first, and then those that continue it."""
    found, one = [title], title
    while one.preceding_id is not None and (before := session.get(Title, one.preceding_id)) is not None:
        if before in found:
            break
        found.append(before)
        one = before
    later = session.execute(select(Title).where(Title.preceding_id == title.id).order_by(Title.id)).scalars()
    found += [each for each in later if each not in found]
    return found[1:]


def held_of(session: Session, title_id: int) -> tuple[list[tuple[int, int]], list[str]]:
    """The years of which a journal shows articles, as runs, and its volumes, each in order."""
    rows = session.execute(
        select(Issue.year, Issue.volume).where(Issue.title_id == title_id, Issue.articles > 0).order_by(Issue.shelf)
    ).all()
    runs = runs_of(row.year for row in rows if row.year is not None)
    return runs, list(dict.fromkeys(row.volume for row in rows if row.volume))


def beginning_on(session: Session, issue_ids: Sequence[int], page: str, *, limit: int) -> list[Article]:
    """The articles of these issues that begin on this page."""
    statement = select(Article).where(
        Article.issue_id.in_(issue_ids),
        Article.state == ArticleState.ACTIVE,
        Article.shelf >= natural(page) + "|",
        Article.shelf < natural(page) + "}",
    )
    return list(session.execute(statement.order_by(Article.shelf, Article.id).limit(limit)).scalars())


def articles_of_issues(session: Session, issue_ids: Sequence[int], *, limit: int) -> list[Article]:
    """The articles of these issues."""
    statement = select(Article).where(Article.issue_id.in_(issue_ids), Article.state == ArticleState.ACTIVE)
    return list(session.execute(statement.order_by(Article.issue_id, Article.shelf, Article.id).limit(limit)).scalars())
