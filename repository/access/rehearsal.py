"""A trigger tried before its day: articles of its scope are decided on as if it stood, and read from the stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import reach, rights, triggers
from repository.access.entitlement import Reader
from repository.access.reach import Holding, Reach
from repository.access.triggers import Scope
from repository.catalogue import Catalogue
from repository.errors import MahfuzError
from repository.models import Article, Institution, Issue, Title, Trigger
from repository.rights import Audience
from repository.vocabulary import ArticleRecord, ArticleState

MOST_TITLES = 12
"""Journals of which an article is tried."""


class Sample(NamedTuple):
    """One article that is tried, for a reader of one institution (None: for anybody)."""

    article_id: str
    institution_id: int | None
    institution: str | None


def rehearse(catalogue: Catalogue, code: str, read: Callable[[str], int], *, by: str, at: datetime) -> dict[str, Any]:
    """Try the trigger with this code and keep what it showed: ``articles``; how many ``opened`` and were ``read``.

    ``read(article_id)`` reads the article's file to its last byte, compares it, and returns how many bytes it has;
    whatever it raises of ours is told. No transaction is open while bytes move. Raises NotNow.
    """
    tried: list[dict[str, Any]] = []
    with catalogue.reading() as session:
        row = triggers.found(session, code)
        samples = list(_samples(session, row, at)) if row is not None else []
        decided = [(one, _decided(session, row, one, at)) for one in samples] if row is not None else []
    for sample, reason in decided:
        told: dict[str, Any] = {"article": sample.article_id, "institution": sample.institution, "reason": reason[1]}
        told["opened"] = reason[0]
        try:
            told["bytes"] = read(sample.article_id)
        except MahfuzError as error:
            told["problem"] = str(error)
        tried.append(told)
    outcome = {
        "articles": tried,
        "opened": sum(one["opened"] for one in tried),
        "read": sum("bytes" in one for one in tried),
        "bytes": sum(one.get("bytes", 0) for one in tried),
    }
    with catalogue.writing() as session:
        triggers.tried(session, triggers.locked(session, code), outcome, by=by, at=at)
    return outcome


def passed(outcome: dict[str, Any]) -> bool:
    """Whether everything that was tried opened and was read, and anything was tried at all."""
    number = len(outcome["articles"])
    return number > 0 and outcome["opened"] == outcome["read"] == number


def _samples(session: Session, row: Trigger, at: datetime) -> Iterator[Sample]:
    """The newest issue that the trigger opens to somebody, of up to :data:`MOST_TITLES` journals."""
    scope = triggers.scope_of(session, row)
    walk = select(Title.id).where(Title.articles > 0).order_by(Title.sort_key, Title.id).limit(MOST_TITLES)
    chosen = list(session.execute(walk).scalars()) if row.nation else triggers.titles_of(session, scope)
    held = [one for one in reach.holdings(session, title_ids=chosen) if one.shelves][:MOST_TITLES]
    day = max(row.effective, at).date()
    if row.audience != Audience.ENTITLED:
        who = _first_institution(session, scope) if row.audience == Audience.INSTITUTIONS else (None, None)
        for one in held:
            yield from _article(session, one, (1 << len(one.shelves)) - 1, *who)
        return
    found = reach.reckon(session, held, day, scope.institution_ids)
    codes = {row.id: row.code for row in session.execute(select(Institution.id, Institution.code))}
    for one in held:
        best = _widest(found, one.title_id)
        if best is not None:
            yield from _article(session, one, best[1], best[0], codes[best[0]])


def _widest(found: dict[int, dict[int, Reach]], title_id: int) -> tuple[int, int] | None:
    """The institution with most issues of the journal, and those issues."""
    having = [
        (institution, of_titles[title_id].earned | of_titles[title_id].subscribed)
        for institution, of_titles in found.items()
        if title_id in of_titles
    ]
    having = [one for one in having if one[1]]
    return max(having, key=lambda one: (one[1].bit_count(), -one[0]), default=None)


def _first_institution(session: Session, scope: Scope) -> tuple[int | None, str | None]:
    walk = select(Institution.id, Institution.code).where(Institution.active)
    if scope.institution_ids:
        walk = walk.where(Institution.id.in_(scope.institution_ids))
    row = session.execute(walk.order_by(Institution.sort_key, Institution.id).limit(1)).first()
    return (row.id, row.code) if row else (None, None)


def _article(
    session: Session, held: Holding, issues: int, institution_id: int | None, institution: str | None
) -> Iterator[Sample]:
    place = held.shelves[issues.bit_length() - 1].place
    of_issue = (
        select(Article.id)
        .join(Issue, Issue.id == Article.issue_id)
        .where(
            Issue.title_id == held.title_id,
            Issue.year == (int(place.published) if place.published else None),
            Issue.volume.is_not_distinct_from(place.volume),
            Issue.issue.is_not_distinct_from(place.issue),
            Article.state == ArticleState.ACTIVE,
        )
        .order_by(Article.shelf, Article.id)
        .limit(1)
    )
    yield from (Sample(one, institution_id, institution) for one in session.execute(of_issue).scalars())


def _decided(session: Session, row: Trigger, sample: Sample, at: datetime) -> tuple[bool, str]:
    """The decision as it would be if the trigger alone stood: whether it opens, and the reason's code."""
    on = max(row.effective, at)
    as_if = rights.in_force(session, [row])
    article = session.get_one(Article, sample.article_id)
    found = rights.on_title(session, article.title_id, sample.institution_id, on)
    decision = rights.Rights(found.title_id, found.publisher_id, found.claims, as_if).decide(
        ArticleRecord.from_json(article.record), Reader(sample.institution_id), on
    )
    return decision.allowed, str(decision.reason_code)
