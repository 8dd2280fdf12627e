"""Corrections, retractions and the like: what articles say of others, kept at both ends in whatever order they come."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from repository.models import Article, Link
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, ArticleState, bare_doi

_INSERT = insert(Link)
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Pointing:
    """One article that points at another: how, and what it is."""

    article_id: str
    type: str
    record: ArticleRecord


def enter(session: Session, article_id: str, record: ArticleRecord, *, new: bool) -> None:
    """Keep what this article says of others by their DOIs, in the place of what its earlier version said."""
    if not new:
        session.execute(delete(Link).where(Link.article_id == article_id))
    own = machine_lower(record.doi or "")
    pairs = {(machine_lower(bare_doi(pointer.identifier)), pointer.type) for pointer in record.related}
    rows = [
        {"article_id": article_id, "target": target, "type": kind}
        for target, kind in sorted(pairs)
        if target.startswith("10.") and target != own and len(target) <= _LONGEST
    ]
    if rows:
        session.connection().execute(_INSERT, rows)


def pointing_at(session: Session, doi: str | None, *, limit: int) -> list[Pointing]:
    """The first ``limit`` articles shown that point at the one with this DOI."""
    if doi is None:
        return []
    rows = session.execute(
        select(Link.article_id, Link.type, Article.record)
        .join(Article, Article.id == Link.article_id)
        .where(Link.target == machine_lower(doi), Article.state == ArticleState.ACTIVE)
        .order_by(Link.article_id, Link.type)
        .limit(limit)
    )
    return [Pointing(row.article_id, row.type, ArticleRecord.from_json(row.record)) for row in rows]
