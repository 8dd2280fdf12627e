"""Notices entered: an article withdrawn or shown again, with everything that counts or lists it, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue import changes, links, shelves, shortfalls, tallies, testimony, turns
from repository.errors import NotNow
from repository.models import Article
from repository.models import Notice as Row
from repository.notice import Notice, NoticeKind
from repository.texts import marked
from repository.vocabulary import ArticleRecord, ArticleState, EventType

_STATE = {NoticeKind.WITHDRAWAL: ArticleState.WITHDRAWN, NoticeKind.RESTORATION: ArticleState.ACTIVE}
SHOWN_OR_NOT = frozenset(_STATE)
"""The decisions that harvesters hear of."""

_EVENT = {
    NoticeKind.WITHDRAWAL: EventType.DEACCESSION,
    NoticeKind.RESTORATION: EventType.ACCESSION,
    NoticeKind.DISPOSAL: EventType.POLICY_ASSIGNMENT,
    NoticeKind.CANCELLATION: EventType.POLICY_ASSIGNMENT,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an article's notices stand: what the next one needs to know."""

    state: ArticleState
    number: int
    """Of the latest notice; 0 where there is none."""
    seal: str | None
    promised: datetime
    """The datestamp under which harvesters may be told of the next."""


def standing(session: Session, article_id: str) -> Standing:
    """Where the notices of this article, which is held, stand."""
    last = next(reversed(of(session, article_id)), None)
    state = ArticleState(session.get_one(Article, article_id).state)
    promised = changes.promise(session)
    return Standing(state, last.number if last else 0, last.seal if last else None, promised)


def of(session: Session, article_id: str) -> Sequence[Row]:
    """The notices of an article, the first first."""
    return session.execute(select(Row).where(Row.article_id == article_id).order_by(Row.number)).scalars().all()


def enter(session: Session, notice: Notice, *, agent: str) -> datetime | None:
    """A notice that lies in every store takes effect; the datestamp under which harvesters are told of it.

    The same notice twice is entered once (None). A withdrawal or a restoration changes the article's state, its
    journal's and its issue's numbers and the tallies, and announces it, with the articles of which it is a notice.
    Raises NotNow when another decision came first.
    """
    turns.take(session)
    moved = notice.kind in _STATE
    told = links.told_of(session, {notice.article_id: _record(session, notice.article_id)}) if moved else []
    articles = {one.id: one for one in changes.locked(session, [notice.article_id, *told])}
    if not _entered(session, notice, agent):
        return None
    if not moved:
        return notice.datestamp
    article = articles[notice.article_id]
    _move(session, article, _STATE[notice.kind])
    return changes.announce_all(
        session, [article, *(articles[one] for one in told if one in articles)], promised=notice.datestamp
    )


def enter_again(session: Session, article_id: str, found: Sequence[Notice], *, agent: str) -> None:
    """In a catalogue that is written again from the bags: these notices of the article, in their order, take effect.

    Its datestamp, and that of the articles of which it is a notice, is no earlier afterwards than what was told.
    """
    telling = [notice for notice in found if notice.kind in _STATE]
    told = links.told_of(session, {article_id: _record(session, article_id)}) if telling else []
    articles = {one.id: one for one in changes.locked(session, [article_id, *told])}
    for notice in found:
        if _entered(session, notice, agent) and notice.kind in _STATE:
            _move(session, articles[article_id], _STATE[notice.kind])
    if telling:
        at = telling[-1].datestamp
        changes.announce_as_they_were(session, [(one, at) for one in articles.values() if one.datestamp < at])


def _entered(session: Session, notice: Notice, agent: str) -> bool:
    before = {row.number: row for row in of(session, notice.article_id)}
    known = before.get(notice.number)
    if known is not None and known.seal == notice.seal:
        return False
    if known is not None or any(number > notice.number for number in before):
        raise NotNow(marked("Something else was decided about this article meanwhile: look at it again."))
    session.add(
        Row(
            article_id=notice.article_id,
            number=notice.number,
            kind=notice.kind,
            at=notice.at,
            by=notice.by,
            reason=notice.reason,
            language=notice.language,
            seal=notice.seal,
        )
    )
    session.flush()
    if testimony.is_told(session, _EVENT[notice.kind], notice.article_id, sha256=notice.seal):
        return True  # a catalogue written again, with the events of the one before
    testimony.witness(
        session,
        _EVENT[notice.kind],
        at=notice.at,
        outcome="success",
        agent=agent,
        detail={"notice": notice.number, "kind": str(notice.kind), "by": notice.by, "reason": notice.reason}
        | {"sha256": notice.seal},
        article_id=notice.article_id,
    )
    return True


def _move(session: Session, article: Article, state: ArticleState) -> None:
    if article.state == state:
        return
    part = tallies.part_of_article(article.id)
    steps = [tallies.Step("articles", name, number, part=part) for name, number in ((article.state, -1), (state, 1))]
    tallies.step(session, steps)
    shown = 1 if state is ArticleState.ACTIVE else -1
    shelves.count(session, {(article.title_id, article.issue_id): shown})
    shortfalls.changed(session, [article.title_id])
    article.state = state
    session.flush()


def _record(session: Session, article_id: str) -> ArticleRecord:
    told = session.execute(select(Article.record).where(Article.id == article_id)).scalar_one()
    return ArticleRecord.from_json(told)
