"""One work over time: known again when its DOI comes later, when its pages come after it, when its ISSN was mended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import String, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.models import Alias, Article
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, article_id

_FEW = 20
_TELLING = 25
"""Letters of a folded title from which on it tells one work of a journal from all others, with its first author."""
_NEARLY = 0.9
"""So like each other are a title and the same with a slip mended; at most so many letters of them are compared:"""
_COMPARED = 500

# Said once: each is asked for every article that comes.
_SAME = (
    select(Article.id)
    .where(or_(Article.id == bindparam("own"), Article.doi == bindparam("doi", type_=String)))
    .order_by(Article.id)
    .limit(_FEW)
)
_CALLED = (
    select(Alias.digest, Article.id, Article.doi, Article.record)
    .join(Article, Article.id == Alias.article_id)
    .where(Alias.digest.in_(bindparam("digests", expanding=True)))
    .order_by(Alias.digest, Article.id)
    .limit(_FEW)
)


def resolved(session: Session, record: ArticleRecord) -> str:
    """The id of the article that ``record`` describes: of the one held, else the one derived from the record.

    The same DOI is the same work. Without a DOI on one side it is the same place (ISSN, volume, issue, page and
    title), or the same place by the journal's name, where title and first author tell it too (another ISSN came),
    or the same page by the same first author with nearly the same title (its title was mended), or, while one side
    has neither volume nor page (ahead of print), the same title and first author in the same journal. Two different
    DOIs are never one work. Raises ValueError where nothing tells the article from others.
    """
    own = article_id(record)
    doi = machine_lower(record.doi) if record.doi else None
    ids = session.execute(_SAME, {"own": own, "doi": doi}).scalars().all()
    if ids:
        return own if own in ids else ids[0]
    kinds = {kind: _digests(kind(record)) for kind in _KINDS}
    if not any(kinds.values()):
        return own
    rows = session.execute(_CALLED, {"digests": [digest for digests in kinds.values() for digest in digests]}).all()
    for kind, digests in kinds.items():
        found = {row.id: row for row in rows if row.digest in digests}
        if len(found) != 1 or len(rows) == _FEW:
            continue
        (row,) = found.values()
        if not (doi and row.doi) and _KINDS[kind](record, ArticleRecord.from_json(row.record)):
            return str(row.id)
    return own


def enter(session: Session, identifier: str, record: ArticleRecord) -> None:
    """Keep what the article is known by besides its DOI; what an earlier version was known by stays."""
    _enter(session, identifier, _digests(text for kind in _KINDS for text in kind(record)))


def enter_names(session: Session, identifier: str, names: Iterable[str]) -> None:
    """Keep what others may call the article by (:func:`repository.catalogue.links.keys_of`)."""
    _enter(session, identifier, [digest_of_name(name) for name in names])


def digest_of_name(name: str) -> str:
    """Under which :func:`enter_names` keeps a name."""
    return _digests(["name:" + name])[0]


def _enter(session: Session, identifier: str, digests: Iterable[str]) -> None:
    rows = [{"digest": digest, "article_id": identifier} for digest in digests]
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


def _named_places(record: ArticleRecord) -> Iterator[str]:
    """The place by the journal's name in place of its ISSN, with the first author, where page and title tell."""
    page, title = record.elocation or record.first_page, tr_fold(record.title or "")
    if record.journal_title and (record.volume or record.issue) and page and len(title) >= _TELLING and record.authors:
        parts = (record.volume or "", record.issue or "", page)
        folded = (tr_fold(record.journal_title), title, tr_fold(record.authors[0].label))
        yield "named:" + "\x1f".join((*map(machine_lower, parts), *folded))


def _spots(record: ArticleRecord) -> Iterator[str]:
    """The place with the first author in place of the title, once for each ISSN."""
    page = record.elocation or record.first_page
    if page and (record.volume or record.issue) and record.authors and len(tr_fold(record.title or "")) >= _TELLING:
        for issn in record.issns:
            parts = (issn, record.volume or "", record.issue or "", page)
            yield "spot:" + "\x1f".join((*map(machine_lower, parts), tr_fold(record.authors[0].label)))


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


def _surely(_record: ArticleRecord, _held: ArticleRecord) -> bool:
    return True


def _nearly_titled(record: ArticleRecord, held: ArticleRecord) -> bool:
    """Short reviews by one person may share a page: the titles have to be one title, mended."""
    ours, theirs = (tr_fold(each.title or "")[:_COMPARED] for each in (record, held))
    return SequenceMatcher(None, ours, theirs, autojunk=False).ratio() >= _NEARLY


def _one_is_ahead(record: ArticleRecord, held: ArticleRecord) -> bool:
    return not (_stands(record) and _stands(held))


_KINDS: Mapping[Callable[[ArticleRecord], Iterator[str]], Callable[[ArticleRecord, ArticleRecord], bool]] = {
    _places: _surely,
    _named_places: _surely,
    _spots: _nearly_titled,
    _works: _one_is_ahead,
}
"""How an article is found again, the surest first, with what must be true of it and the one that is held."""


def _ignoring(insert: Callable[[Any], Any]) -> Any:
    return insert(Alias.__table__).on_conflict_do_nothing()


_INSERT = {"postgresql": _ignoring(postgresql.insert), "sqlite": _ignoring(sqlite.insert)}
