"""Articles, their versions and files entered, once every copy has been read back and never before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import (
    changes,
    contents,
    copies,
    fronts,
    identity,
    joining,
    links,
    shelves,
    shortfalls,
    tallies,
    testimony,
    titles,
    turns,
)
from repository.models import Aip, Article, ArticleWord, File, Publisher, Title
from repository.promise import Promise, Promises
from repository.salvage import Salvage
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import ArticleRecord, ArticleState, EventType, PayloadFile, as_utc_text

_LONGEST_WORD = 64

# Rows that nobody looks at again in this transaction go in as they are: as objects they cost ten times as much.
_INSERT_FILE, _INSERT_WORD = insert(File), insert(ArticleWord)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bag that lies in its stores, as the catalogue is told of it."""

    article_id: str
    version: int
    seal: str
    bytes: int
    payload_digest: str
    bagging_date: str
    files: tuple[PayloadFile, ...]
    verified: Mapping[str, datetime | None]
    """When each store's copy was read back and matched the seal; None: found there, never read."""
    salvage: Salvage | None = None
    """Where it comes from, where it was put together from damaged copies of an older version."""


@dataclass(frozen=True, slots=True)
class Entering:
    """An AIP on its way into the catalogue."""

    record: ArticleRecord
    sealed: Sealed
    front: bytes | None = None
    """The publisher's front matter, packed (catalogue.fronts)."""


def register(
    session: Session,
    publisher: Publisher,
    record: ArticleRecord,
    sealed: Sealed,
    *,
    at: datetime,
    agent: str,
    delivery_id: str | None,
    promises: Promises,
    front: bytes | None = None,
    datestamp: datetime | None = None,
    kind: EventType = EventType.INGESTION,
) -> Article:
    """Enter an AIP with its article, files, copies and events, and announce the change; all of it or nothing.

    From ``promises`` follows when each store's copy is to be read again. ``front`` is the publisher's front matter,
    packed, where this version brings one. ``datestamp`` and ``kind`` (of its event) are
    given only when a catalogue is written again from its bags. The same AIP twice is entered once.
    """
    return register_all(
        session,
        publisher,
        [Entering(record, sealed, front)],
        at=at,
        agent=agent,
        delivery_id=delivery_id,
        promises=promises,
        datestamp=datestamp,
        kind=kind,
    )[0]


def register_all(
    session: Session,
    publisher: Publisher,
    entering: Sequence[Entering],
    *,
    at: datetime,
    agent: str,
    delivery_id: str | None,
    promises: Promises,
    datestamp: datetime | None = None,
    kind: EventType = EventType.INGESTION,
) -> list[Article]:
    """As :func:`register`, for AIPs of different articles at once: so many statements for all as for a few.

    With a notice (a correction, a retraction) the article that it is about is announced too: harvesters learn of it.
    Returned are the articles in the order of ``entering``. Raises ValueError for two AIPs of one article.
    """
    turns.take(session)
    ids = [one.sealed.article_id for one in entering]
    if len(set(ids)) < len(ids):
        raise ValueError("two versions of one article are registered one after the other")
    known = {
        (row.article_id, row.version)
        for row in session.execute(select(Aip.article_id, Aip.version).where(Aip.article_id.in_(ids)))
    }
    new = [one for one in entering if (one.sealed.article_id, one.sealed.version) not in known]
    told = links.told_of(session, {one.sealed.article_id: one.record for one in new})
    # In one order everywhere, so that two transactions never wait for each other.
    rows = select(Article).where(Article.id.in_([*ids, *told])).order_by(Article.id).with_for_update()
    articles = {one.id: one for one in session.execute(rows).scalars()}
    if new:
        steps, moved = _describe(session, publisher, new, articles)
        aips = [_aip(one.sealed, delivery_id, at) for one in new]
        session.add_all(aips)
        session.flush()
        _enter_files(session, aips, new)
        made = _promised(session, promises, [articles[one.sealed.article_id] for one in new])
        steps += copies.enter(
            session,
            [(aip, one.sealed.verified, promise) for aip, one, promise in zip(aips, new, made, strict=True)],
            at,
        )
        tallies.step(session, [*steps, *(_kept(aip) for aip in aips)])
        testimony.witness_all(
            session,
            kind,
            [(one.sealed.article_id, one.sealed.version, _told_of(one.sealed)) for one in new],
            at=at,
            outcome="success",
            agent=agent,
            delivery_id=delivery_id,
        )
        changed = [articles[one.sealed.article_id] for one in new]
        pointed_at = [articles[identifier] for identifier in told]
        elsewhere = changes.locked(session, set(moved) - articles.keys())
        if datestamp is None:
            changes.announce_all(session, [*changed, *pointed_at, *elsewhere])
        else:
            changes.announce_as_they_were(session, [(one, _told_again(session, one, datestamp)) for one in changed])
            later = [(one, datestamp) for one in pointed_at if one.datestamp < datestamp]
            changes.announce_as_they_were(session, [*later, *((one, one.datestamp) for one in elsewhere)])
    return [articles[identifier] for identifier in ids]


def _told_again(session: Session, article: Article, datestamp: datetime) -> datetime:
    """Under which datestamp an article is told of again: that of the newest notice about it, if that came later."""
    notice = links.latest_notice(session, ArticleRecord.from_json(article.record))
    return max(datestamp, notice or datestamp)


def _describe(
    session: Session, publisher: Publisher, entering: Sequence[Entering], articles: dict[str, Article]
) -> tuple[list[tallies.Step], list[str]]:
    """Each article's row in ``articles``, described as this version does unless a newer one is already there.

    Returned are what they add to the tallies, and the ids of the articles whose journal proved to be another.
    """
    moved: list[str] = []
    steps: list[tallies.Step] = []
    described: list[tuple[Article, ArticleRecord]] = []
    brought: dict[str, bytes | None] = {}
    on_shelf: Counter[tuple[int, int]] = Counter()
    known: dict[tuple[str | None, ...], Title] = {}
    issues: dict[tuple[int, str], int] = {}
    joined: set[tuple[object, ...]] = set()
    for one in entering:
        stood = articles.get(one.sealed.article_id)
        if stood is None or stood.version <= one.sealed.version:
            before = stood.title_id if stood else None
            # What was asked of one article of an issue need not be asked of the next.
            if (asked := (*_journal(one.record), one.record.journal_title, before)) not in joined:
                joined.add(asked)
                moved += joining.join(session, one.record, before)
    for one in entering:
        record, sealed = one.record, one.sealed
        article = articles.get(sealed.article_id)
        if article is None:
            # Negative and unique: the number is given last of all (changes.announce), the row must be there first.
            article = articles[sealed.article_id] = Article(
                id=sealed.article_id,
                state=ArticleState.ACTIVE,
                version=0,
                change_number=-int(sealed.article_id[:15], 16) - 1,
                datestamp=changes.now(session),
            )
            part = tallies.part_of_article(article.id)
            steps.append(tallies.Step("articles", ArticleState.ACTIVE, 1, part=part))
        elif article.version > sealed.version:
            continue
        elif article.state == ArticleState.ACTIVE:
            on_shelf[article.title_id, article.issue_id] -= 1
        said = _journal(record)
        title = known[said] = known.get(said) or titles.title_of(session, publisher, record, article.title_id)
        shelf = (title.id, shelves.issue_shelf(record))
        issues[shelf] = issues.get(shelf) or shelves.issue_of(session, title, record).id
        article.title_id, article.publisher_id, article.issue_id = title.id, publisher.id, issues[shelf]
        article.version = sealed.version
        if article.record:
            record = _with_names(record, ArticleRecord.from_json(article.record))
        article.doi = machine_lower(record.doi) if record.doi else None
        article.shelf = shelves.page_shelf(record)
        article.record = record.as_json()
        if article.state == ArticleState.ACTIVE:
            on_shelf[article.title_id, article.issue_id] += 1
        described.append((article, record))
        brought[article.id] = one.front
    session.add_all(article for article, _ in described)
    session.flush()
    shelves.count(session, on_shelf)
    shortfalls.changed(session, [title for title, _ in on_shelf])
    links.enter(session, described)
    identity.enter(session, described)
    fronts.enter(session, brought, [article.id for article, _ in described if article.version > 1])
    _enter_words(session, [article for article, _ in described])
    return steps, moved


def _journal(record: ArticleRecord) -> tuple[str | None, ...]:
    """By which ISSNs a record names its journal, and as what."""
    return (*record.issns, "", record.issn_print, record.issn_electronic, record.issn_l)


def _promised(session: Session, promises: Promises, articles: Sequence[Article]) -> list[Promise]:
    """What is promised of each of these articles."""
    if not promises.classes:
        return [promises.otherwise] * len(articles)
    held = contents.contents(session, [(article.title_id, article.publisher_id) for article in articles])
    return [promises.of(held[article.title_id, article.publisher_id]) for article in articles]


def _with_names(record: ArticleRecord, before: ArticleRecord) -> ArticleRecord:
    """The record with the DOI, and the other names by which articles are pointed at, that the version before had.

    Once given they stay the article's.
    """
    kept = {kind: text for kind, text in before.other_ids.items() if kind in links.SCHEMES}
    return replace(record, doi=record.doi or before.doi, other_ids=kept | dict(record.other_ids))


def _enter_words(session: Session, articles: Sequence[Article]) -> None:
    if again := [article.id for article in articles if article.version > 1]:
        session.execute(delete(ArticleWord).where(ArticleWord.article_id.in_(again)))
    words = [{"word": word, "article_id": article.id} for article in articles for word in words_of(article)]
    if words:
        session.connection().execute(_INSERT_WORD, words)


def _aip(sealed: Sealed, delivery_id: str | None, at: datetime) -> Aip:
    return Aip(
        article_id=sealed.article_id,
        version=sealed.version,
        seal=sealed.seal,
        bytes=sealed.bytes,
        payload_digest=sealed.payload_digest,
        bagging_date=sealed.bagging_date,
        delivery_id=delivery_id,
        registered_at=at,
        salvage=sealed.salvage.as_json() if sealed.salvage else None,
    )


def _kept(aip: Aip) -> tallies.Step:
    return tallies.Step("aips", "kept", 1, aip.bytes, part=tallies.part_of_bag(aip.id))


def _told_of(sealed: Sealed) -> dict[str, Any]:
    stores = {store: as_utc_text(moment) if moment else None for store, moment in sealed.verified.items()}
    told = {"seal": sealed.seal, "bytes": sealed.bytes, "read back": stores}
    return told | {"salvaged from": sealed.salvage.version} if sealed.salvage else told


def words_of(article: Article) -> list[str]:
    """The folded words of an article's titles, each once."""
    record = ArticleRecord.from_json(article.record)
    text = " ".join((record.title or "", *record.translated_titles.values()))
    return sorted(set(folded_words(text)))


def folded_words(text: str) -> list[str]:
    """The words of ``text`` in their order, folded and cut as they are kept for searching."""
    return [word[:_LONGEST_WORD] for word in tr_fold(text).split()]


def _enter_files(session: Session, aips: Sequence[Aip], entering: Sequence[Entering]) -> None:
    rows = [
        {
            "aip_id": aip.id,
            "position": position,
            "path": file.path,
            "offset": file.offset,
            "bytes": file.bytes,
            "sha512": bytes.fromhex(file.sha512),
            "format": file.format,
        }
        for aip, one in zip(aips, entering, strict=True)
        for position, file in enumerate(one.sealed.files)
    ]
    if rows:
        session.connection().execute(_INSERT_FILE, rows)
