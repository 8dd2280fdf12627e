"""Two journals that prove to be one, known by its printed ISSN here and by its electronic one there."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from repository.catalogue import shelves, shortfalls
from repository.models import Agreement, Article, Expectation, Issue, Title, TitleIssn
from repository.turkish import tr_fold
from repository.vocabulary import ArticleRecord

_ISSNS = ("issn_print", "issn_electronic", "issn_l")


def join(session: Session, record: ArticleRecord, before: int | None = None) -> list[str]:
    """Make one title of those to which the record's ISSNs lead, and of the one in which the article stood ``before``.

    The ids of the articles whose journal is another now: harvesters are to hear of them.

    Only those of one name, which is the record's: an ISSN that was written by a slip makes no two journals one.
    Called before anything else of the record is entered, and nothing is done where there is one title or none.
    """
    name = tr_fold(record.journal_title or "")
    leading = set(session.execute(select(TitleIssn.title_id).where(TitleIssn.issn.in_(record.issns))).scalars())
    ids = leading | ({before} if before is not None else set())
    if len(ids) < 2 or not name:
        return []
    same = select(Title).where(Title.id.in_(ids), Title.folded == name).order_by(Title.id)
    found = session.execute(same).scalars().all()
    moved: list[str] = []
    for first, other in ((found[0], other) for other in found[1:]):
        moved += session.execute(select(Article.id).where(Article.title_id == other.id)).scalars()
        _joined(session, first, other)
        if before in (first.id, other.id) and before not in leading:  # its ISSN was mended
            for kind in _ISSNS:
                setattr(first, kind, getattr(record, kind) or getattr(first, kind))
    return moved


def _joined(session: Session, title: Title, other: Title) -> None:
    """All that is known of ``other`` is known of ``title``, and ``other`` is no more."""
    ours = {one.shelf: one for one in _issues(session, title)}
    moved: list[Issue] = []
    for issue in _issues(session, other):
        if (same := ours.get(issue.shelf)) is None:
            issue.title_id = title.id
            continue
        session.execute(update(Article).where(Article.issue_id == issue.id).values(issue_id=same.id))
        shelves.count(session, {(title.id, same.id): issue.articles, (other.id, issue.id): -issue.articles})
        moved.append(issue)
    session.flush()
    session.execute(update(Article).where(Article.title_id == other.id).values(title_id=title.id))
    session.execute(update(Expectation).where(Expectation.title_id == other.id).values(title_id=title.id))
    shortfalls.joined(session, title.id, other.id)
    session.execute(update(TitleIssn).where(TitleIssn.title_id == other.id).values(title_id=title.id))
    _agreements(session, title, other)
    for kind in _ISSNS:
        setattr(title, kind, getattr(title, kind) or getattr(other, kind))
    session.refresh(other)
    left = other.articles
    title.articles = Title.articles + left
    session.flush()
    for gone in (*moved, other):
        session.delete(gone)
    session.flush()


def _issues(session: Session, title: Title) -> Iterable[Issue]:
    return session.execute(select(Issue).where(Issue.title_id == title.id).order_by(Issue.id)).scalars().all()


def _agreements(session: Session, title: Title, other: Title) -> None:
    """An agreement that holds for one of the two holds for both."""
    for theirs in session.execute(select(Agreement).where(Agreement.title_id == other.id)).scalars().all():
        ours = session.get(Agreement, (title.id, theirs.publisher_id))
        if ours is None:
            session.add(
                Agreement(title_id=title.id, publisher_id=theirs.publisher_id, since=theirs.since, until=theirs.until)
            )
        else:
            ours.since = min(ours.since, theirs.since)
            ours.until = max(ours.until, theirs.until) if ours.until and theirs.until else None
    session.execute(delete(Agreement).where(Agreement.title_id == other.id))
    session.flush()
