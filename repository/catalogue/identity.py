"""One work over time: known again when its DOI comes later, when its pages come after it, when its ISSN was mended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, String, bindparam, or_, select
from sqlalchemy.orm import Session

from repository.catalogue import likeness
from repository.catalogue.upsert import Upsert
from repository.models import Alias, Article
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, article_id, place_in_journal

_FEW = 20
_TELLING = 25
"""Letters of a folded title from which on it tells one work of a journal from all others, with its first author."""

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
    rows = _known_by(session, [digest for some in kinds.values() for digest in some])
    for kind, digests in kinds.items():
        # Where very many are known by one of them, as a yearly editorial is by its title, each kind is asked alone.
        some = rows if len(rows) < _FEW else _known_by(session, digests)
        found = {row.id: row for row in some if row.digest in digests}
        if len(found) != 1:
            continue
        (row,) = found.values()
        if not (doi and row.doi) and _KINDS[kind](record, ArticleRecord.from_json(row.record)):
            return str(row.id)
    return own


def _known_by(session: Session, digests: Sequence[str]) -> Sequence[Row[Any]]:
    return session.execute(_CALLED, {"digests": digests}).all()


def enter(session: Session, described: Iterable[tuple[Article, ArticleRecord]]) -> None:
    """Keep what these articles are known by besides their DOIs; what an earlier version was known by stays."""
    known = ((article.id, _digests(text for kind in _KINDS for text in kind(record))) for article, record in described)
    _enter(session, known)


def enter_names(session: Session, named: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Keep what others may call articles by, each given with its id (:func:`repository.catalogue.links.keys_of`)."""
    _enter(session, ((identifier, [digest_of_name(name) for name in names]) for identifier, names in named))


def digest_of_name(name: str) -> str:
    """Under which :func:`enter_names` keeps a name."""
    return _digests(["name:" + name])[0]


def _enter(session: Session, known: Iterable[tuple[str, Iterable[str]]]) -> None:
    rows = [{"digest": digest, "article_id": identifier} for identifier, digests in known for digest in digests]
    # In one order everywhere, so that two transactions never wait for each other.
    _ENTER(session, sorted(rows, key=lambda row: (row["digest"], row["article_id"])))


def _places(record: ArticleRecord) -> Iterator[str]:
    """Where it stands, once for each ISSN; a page, or a title that tells, has to be there."""
    if record.elocation or record.first_page or len(tr_fold(record.title or "")) >= _TELLING:
        for issn in record.issns:
            yield "place:" + "\x1f".join(machine_lower(part) for part in (issn, *place_in_journal(record)))


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


def _surely(_record: ArticleRecord, _held: ArticleRecord) -> bool:
    return True


_KINDS: Mapping[Callable[[ArticleRecord], Iterator[str]], Callable[[ArticleRecord, ArticleRecord], bool]] = {
    _places: _surely,
    _named_places: _surely,
    _spots: likeness.is_mended,
    _works: likeness.one_is_ahead,
}
"""How an article is found again, the surest first, with what must be true of it and the one that is held."""


_ENTER = Upsert(Alias)
