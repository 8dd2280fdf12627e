"""Corrections, retractions and the like: what articles say of others, kept at both ends in whatever order they come."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import identity
from repository.catalogue.parts import parts
from repository.models import Alias, Article, Link
from repository.turkish import machine_lower
from repository.vocabulary import NOTICES, ArticleRecord, ArticleState, Related, bare_doi

_INSERT = insert(Link)
_LONGEST = 500
_RETRACTS = "retracted-article"
_NUMBER = re.compile(r"\d{1,9}")
_PMC = re.compile(r"(?:pmc)?(\d{1,9})")
_PII = re.compile(r"s\d{7}[\dx]\d{7}[\dx]|b[\dx]{10}\d{6,7}[\dx]")
"""The form that publishers agreed on in 1995: S and an ISSN, or B and an ISBN, then year, number and check digit."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """One article that points at another: how, and what it is."""

    article_id: str
    type: str
    record: ArticleRecord


def _key(scheme: str | None, text: str) -> str | None:
    """What ``text`` names, in one form for all who name it: a DOI, ``pmid:``, ``pmcid:`` or ``pii:``; else None."""
    given = machine_lower(bare_doi(text))
    if given.startswith("10.") and len(given) <= _LONGEST:
        return given
    kind = machine_lower(scheme or "")
    if kind in ("pmid", "pubmed", "pmpid") and _NUMBER.fullmatch(given):
        return f"pmid:{given}"
    if kind in ("pmc", "pmcid") and (number := _PMC.fullmatch(given)):
        return f"pmcid:{number[1]}"
    if kind == "pii" and _PII.fullmatch(pii := re.sub(r"[^0-9a-z]", "", given)):
        return f"pii:{pii}"
    return None


def key(pointer: Related) -> str | None:
    """What a pointer names, in one form for all who name it; None for what can lead to no article."""
    return _key(pointer.identifier_type, pointer.identifier)


def keys_of(record: ArticleRecord) -> tuple[str, ...]:
    """Everything by which others may point at this article, its DOI first."""
    named = [("doi", record.doi or ""), *record.other_ids.items()]
    keys = (_key(kind, text) for kind, text in named if kind in SCHEMES and text)
    return tuple(dict.fromkeys(each for each in keys if each))


SCHEMES = frozenset(("doi", "pmid", "pubmed", "pmpid", "pmc", "pmcid", "pii"))
"""Kinds of identifiers by which articles point at each other."""


def enter(session: Session, described: Sequence[tuple[Article, ArticleRecord]]) -> None:
    """Keep what these articles say of others, in the place of what their earlier versions said; and what others may
    call them by (:func:`keys_of`)."""
    if again := [article.id for article, _ in described if article.version > 1]:
        session.execute(delete(Link).where(Link.article_id.in_(again)))
    rows = [
        {"article_id": article.id, "target": target, "type": kind}
        for article, record in described
        for target, kind in sorted(_pointers(record))
    ]
    if rows:
        session.connection().execute(_INSERT, rows)
    named = (
        (article.id, [each for each in keys_of(record) if not each.startswith("10.")]) for article, record in described
    )
    identity.enter_names(session, named)


def told_of(session: Session, entering: Mapping[str, ArticleRecord]) -> list[str]:
    """The ids of the articles whose description changes when these enter: those that they are, or were, notices of."""
    keys = {target for record in entering.values() for target, kind in _pointers(record) if kind in NOTICES}
    ids = list(entering)
    for some in parts(ids):
        before = select(Link.target).where(Link.article_id.in_(some), Link.type.in_(NOTICES))
        keys.update(session.execute(before).scalars())
    found = {one for many in _held(session, sorted(keys)).values() for one in many}
    return sorted(found - set(ids))


def latest_notice(session: Session, record: ArticleRecord) -> datetime | None:
    """The latest datestamp of the notices that point at this article; None when there are none."""
    return session.execute(
        select(func.max(Article.datestamp))
        .join(Link, Link.article_id == Article.id)
        .where(Link.target.in_(keys_of(record)), Link.type.in_(NOTICES))
    ).scalar_one()


def held(session: Session, pointers: Iterable[Related]) -> dict[Related, str]:
    """Each of these pointers whose target is held and shown, with the id of that article."""
    keys = {pointer: target for pointer in pointers if (target := key(pointer))}
    found = _held(session, sorted(set(keys.values())))
    return {pointer: found[target][0] for pointer, target in keys.items() if target in found}


def pointing_at(session: Session, record: ArticleRecord, *, limit: int) -> list[Pointing]:
    """The first ``limit`` articles shown that point at this one."""
    rows = session.execute(
        select(Link.article_id, Link.type, Article.record)
        .join(Article, Article.id == Link.article_id)
        .where(Link.target.in_(keys_of(record)), Article.state == ArticleState.ACTIVE)
        .order_by(Link.article_id, Link.type)
        .limit(limit)
    )
    return _each_once(rows)


def notices_of(session: Session, records: Mapping[str, ArticleRecord]) -> dict[str, list[Pointing]]:
    """For each of these articles the notices that point at it; one query for some hundred articles."""
    whose = _whose(records)
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for some in parts(list(whose)):
        rows = session.execute(
            select(Link.article_id, Link.type, Link.target, Article.record)
            .join(Article, Article.id == Link.article_id)
            .where(Link.target.in_(some), Link.type.in_(NOTICES), Article.state == ArticleState.ACTIVE)
            .order_by(Link.article_id, Link.type, Link.target)
        )
        for row in rows:
            for identifier in whose[row.target]:
                found[identifier].append(row)
    return {identifier: _each_once(rows) for identifier, rows in found.items()}


def retracted(session: Session, records: Mapping[str, ArticleRecord]) -> set[str]:
    """Those of these articles that a notice which is shown retracts; one query for some hundred articles."""
    whose = _whose(records)
    found: set[str] = set()
    for some in parts(list(whose)):
        rows = session.execute(
            select(Link.target)
            .join(Article, Article.id == Link.article_id)
            .where(Link.target.in_(some), Link.type == _RETRACTS, Article.state == ArticleState.ACTIVE)
        )
        found.update(identifier for target in rows.scalars() for identifier in whose[target])
    return found


def _whose(records: Mapping[str, ArticleRecord]) -> dict[str, list[str]]:
    """The ids of these articles by each name that others may call them by."""
    found: dict[str, list[str]] = defaultdict(list)
    for identifier, record in records.items():
        for each in keys_of(record):
            found[each].append(identifier)
    return found


def _each_once(rows: Iterable[Row[Any]]) -> list[Pointing]:
    """One of each article and type, though it may name its target by a DOI and a PMID."""
    found = {(row.article_id, row.type): row.record for row in rows}
    return [Pointing(*who, ArticleRecord.from_json(record)) for who, record in found.items()]


def _pointers(record: ArticleRecord) -> set[tuple[str, str]]:
    own = keys_of(record)
    found = ((key(one), one.type) for one in record.related)
    return {(target, kind) for target, kind in found if target and target not in own}


def _held(session: Session, keys: Sequence[str]) -> dict[str, list[str]]:
    """Key to the ids of the articles shown that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for some in parts([each for each in keys if each.startswith("10.")]):
        rows = session.execute(
            select(Article.doi, Article.id)
            .where(Article.doi.in_(some), Article.state == ArticleState.ACTIVE)
            .order_by(Article.id)
        )
        for row in rows:
            found[str(row.doi)].append(row.id)
    for some in parts([each for each in keys if not each.startswith("10.")]):
        digests = {identity.digest_of_name(each): each for each in some}
        rows = session.execute(
            select(Alias.digest, Article.id)
            .join(Article, Article.id == Alias.article_id)
            .where(Alias.digest.in_(digests), Article.state == ArticleState.ACTIVE)
            .order_by(Article.id)
        )
        for row in rows:
            found[digests[str(row.digest)]].append(row.id)
    return found
