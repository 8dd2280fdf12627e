"""One work over time: known again when its DOI comes later, when its pages come after it, when its ISSN was mended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.models import Alias, Article
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, article_id

_FEW = 20
_TELLING = 25
"""Letters of a folded title from which on it tells one work of a journal from all others, with its first author."""


def resolved(session: Session, record: ArticleRecord) -> str:
    """The id of the article that ``record`` describes: of the one held, else the one derived from the record.

    The same DOI is the same work. Without a DOI on one side it is the same place (ISSN, volume, issue, page and
    title), or, while one side has neither volume nor page (ahead of print), the same title and first author in the
    same journal. Two different DOIs are never one work. Raises ValueError where nothing tells the article from others.
    """
    own = article_id(record)
    doi = machine_lower(record.doi) if record.doi else None
    same = [Article.id == own, *([Article.doi == doi] if doi else [])]
    ids = session.execute(select(Article.id).where(or_(*same)).order_by(Article.id).limit(_FEW)).scalars().all()
    if ids:
        return own if own in ids else ids[0]
    places, works = _digests(_places(record)), _digests(_works(record))
    if not places and not works:
        return own
    rows = session.execute(
        select(Alias.digest, Article.id, Article.doi, Article.record)
        .join(Article, Article.id == Alias.article_id)
        .where(Alias.digest.in_([*places, *works]))
        .order_by(Alias.digest, Article.id)
        .limit(_FEW)
    ).all()
    for digests in (places, works):
        found = {row.id: row for row in rows if row.digest in digests}
        if len(found) != 1 or len(rows) == _FEW:
            continue
        (row,) = found.values()
        ahead = digests is places or not (_stands(record) and _stands(ArticleRecord.from_json(row.record)))
        if ahead and not (doi and row.doi):
            return str(row.id)
    return own


def enter(session: Session, identifier: str, record: ArticleRecord) -> None:
    """Keep what the article is known by besides its DOI; what an earlier version was known by stays."""
    rows = [{"digest": digest, "article_id": identifier} for digest in _digests((*_places(record), *_works(record)))]
    if rows:
        session.connection().execute(_INSERT[session.get_bind().dialect.name], rows)


def _places(record: ArticleRecord) -> Iterator[str]:
    """ISSN, volume, issue, page and title, once for each ISSN; a page, or a title that tells, has to be there."""
    page = record.elocation or record.first_page or ""
    title = tr_fold(record.title or "")
    if page or len(title) >= _TELLING:
        for issn in record.issns:
            parts = (issn, record.volume or "", record.issue or "", page, title)
            yield "place:" + "\x1f".join(machine_lower(part) for part in parts)


def _works(record: ArticleRecord) -> Iterator[str]:
    """ISSN, title and first author, once for each ISSN, where the title tells."""
    title = tr_fold(record.title or "")
    if len(title) >= _TELLING and record.authors:
        for issn in record.issns:
            yield "work:" + "\x1f".join((machine_lower(issn), title, tr_fold(record.authors[0].label)))


def _digests(texts: Iterable[str]) -> list[str]:
    return sorted({hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts})


def _stands(record: ArticleRecord) -> bool:
    return bool(record.volume or record.issue or record.first_page or record.elocation)


def _ignoring(insert: Callable[[Any], Any]) -> Any:
    return insert(Alias.__table__).on_conflict_do_nothing()


_INSERT = {"postgresql": _ignoring(postgresql.insert), "sqlite": _ignoring(sqlite.insert)}
