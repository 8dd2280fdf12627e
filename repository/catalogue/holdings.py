"""Articles, their versions and files: registered once every copy has been read back, never before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from repository.catalogue import changes, copies, shelves, tallies, testimony, titles
from repository.models import Aip, Article, ArticleWord, File, Publisher
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import (
    ArticleRecord,
    ArticleState,
    EventType,
    PayloadFile,
    as_utc_text,
    bare_doi,
)

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


@dataclass(frozen=True, slots=True)
class Held:
    """The latest registered version of an article."""

    version: int
    seal: str
    payload_digest: str
    has_pdf: bool


def held(session: Session, article_id: str) -> Held | None:
    """What is held of this article, or None. ``has_pdf`` is true when any version has one."""
    row = session.execute(
        select(Aip.version, Aip.seal, Aip.payload_digest)
        .where(Aip.article_id == article_id)
        .order_by(Aip.version.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    paths = session.execute(
        select(File.path).join(Aip, Aip.id == File.aip_id).where(Aip.article_id == article_id)
    ).scalars()
    return Held(row.version, row.seal, row.payload_digest, any(machine_lower(path).endswith(".pdf") for path in paths))


def aip_version(session: Session, article_id: str, version: int) -> Aip | None:
    """One version of an article, or None."""
    return session.execute(select(Aip).where(Aip.article_id == article_id, Aip.version == version)).scalar_one_or_none()


def aip_with(session: Session, article_id: str, payload_digest: str) -> Aip | None:
    """The newest version of this article that holds exactly this payload, or None."""
    return session.execute(
        select(Aip)
        .where(Aip.article_id == article_id, Aip.payload_digest == payload_digest)
        .order_by(Aip.version.desc())
        .limit(1)
    ).scalar_one_or_none()


def register(
    session: Session,
    publisher: Publisher,
    record: ArticleRecord,
    sealed: Sealed,
    *,
    at: datetime,
    agent: str,
    delivery_id: str | None,
    due: Mapping[str, datetime],
    datestamp: datetime | None = None,
) -> Article:
    """Enter an AIP with its article, files, copies and events, and announce the change; all of it or nothing.

    ``due`` says when each store's copy is to be read again. ``datestamp`` is given only when
    a catalogue is written again from its bags. The same AIP twice is entered once.
    """
    if aip_version(session, sealed.article_id, sealed.version) is not None:
        return session.get_one(Article, sealed.article_id)
    article = _entered(session, publisher, record, sealed)
    aip = Aip(
        article_id=sealed.article_id,
        version=sealed.version,
        seal=sealed.seal,
        bytes=sealed.bytes,
        payload_digest=sealed.payload_digest,
        bagging_date=sealed.bagging_date,
        delivery_id=delivery_id,
        registered_at=at,
    )
    session.add(aip)
    session.flush()
    _enter_files(session, aip, sealed.files)
    steps = copies.enter(session, aip, sealed.verified, due)
    tallies.step(session, [*steps, tallies.Step("aips", "kept", 1, sealed.bytes)])
    stores = {store: as_utc_text(moment) if moment else None for store, moment in sealed.verified.items()}
    testimony.witness(
        session,
        EventType.INGESTION,
        at=at,
        outcome="success",
        agent=agent,
        article_id=article.id,
        version=sealed.version,
        delivery_id=delivery_id,
        detail={"seal": sealed.seal, "bytes": sealed.bytes, "read back": stores},
    )
    if datestamp is None:
        changes.announce(session, article)
    else:
        changes.announce_as_it_was(session, article, datestamp)
    return article


def article_json(session: Session, article: Article) -> dict[str, Any]:
    """Everything known of an article, as the contract prints it: description, versions, files, copies."""
    record = ArticleRecord.from_json(article.record).as_json()
    versions = [
        {
            "version": aip.version,
            "seal": aip.seal,
            "bytes": aip.bytes,
            "bagging_date": aip.bagging_date,
            "files": [
                {"path": file.path, "bytes": file.bytes, "sha512": file.sha512.hex(), "format": file.format}
                for file in files_of(session, aip.id)
            ],
            "copies": [
                {
                    "store": copy.store,
                    "state": copies.shown_state(copy),
                    "verified_at": as_utc_text(copy.verified_at) if copy.verified_at else None,
                }
                for copy in copies.of(session, aip.id)
            ],
        }
        for aip in aips_of(session, article.id)
    ]
    return {
        "id": article.id,
        **record,
        "state": article.state,
        "datestamp": as_utc_text(article.datestamp),
        "versions": versions,
    }


def aips_of(session: Session, article_id: str) -> Sequence[Aip]:
    """Every version of an article, the first first."""
    return session.execute(select(Aip).where(Aip.article_id == article_id).order_by(Aip.version)).scalars().all()


def files_of(session: Session, aip_id: int) -> Sequence[File]:
    """The payload files of an AIP in the order in which they lie in its bag."""
    return session.execute(select(File).where(File.aip_id == aip_id).order_by(File.position)).scalars().all()


def find_article(session: Session, id_or_doi: str) -> Article | None:
    """The article of this id, or of this DOI in whatever form it is written."""
    word = id_or_doi.strip()
    if (article := session.get(Article, word)) is not None:
        return article
    doi = machine_lower(word)
    while (bare := bare_doi(doi)) != doi:  # an address may be written before a scheme
        doi = bare
    return session.execute(select(Article).where(Article.doi == doi).limit(1)).scalar_one_or_none()


def _entered(session: Session, publisher: Publisher, record: ArticleRecord, sealed: Sealed) -> Article:
    """The article's row, described as this version describes it unless a newer one is already there."""
    article = session.get(Article, sealed.article_id)
    if article is None:
        # Negative and unique: the number is given last of all (changes.announce), the row must be there first.
        provisional = -int(sealed.article_id[:15], 16) - 1
        article = Article(
            id=sealed.article_id,
            state=ArticleState.ACTIVE,
            version=0,
            change_number=provisional,
            datestamp=changes.now(session),
        )
        tallies.add(session, "articles", ArticleState.ACTIVE, 1)
    elif article.version > sealed.version:
        return article
    elif article.state == ArticleState.ACTIVE:
        shelves.count(session, article, -1)
    title = titles.title_of(session, publisher, record)
    article.title_id, article.publisher_id = title.id, publisher.id
    article.issue_id = shelves.issue_of(session, title, record).id
    article.version = sealed.version
    article.doi = machine_lower(record.doi) if record.doi else None
    article.shelf = shelves.page_shelf(record)
    article.record = record.as_json()
    session.add(article)
    session.flush()
    if article.state == ArticleState.ACTIVE:
        shelves.count(session, article, 1)
    session.execute(delete(ArticleWord).where(ArticleWord.article_id == article.id))
    if words := [{"word": word, "article_id": article.id} for word in words_of(article)]:
        session.connection().execute(_INSERT_WORD, words)
    return article


def words_of(article: Article) -> list[str]:
    """The folded words of an article's titles, each once."""
    record = ArticleRecord.from_json(article.record)
    text = " ".join((record.title or "", *record.translated_titles.values()))
    return sorted(set(folded_words(text)))


def folded_words(text: str) -> list[str]:
    """The words of ``text`` in their order, folded and cut as they are kept for searching."""
    return [word[:_LONGEST_WORD] for word in tr_fold(text).split()]


def _enter_files(session: Session, aip: Aip, files: Sequence[PayloadFile]) -> None:
    rows = [
        {
            "aip_id": aip.id,
            "position": position,
            "path": file.path,
            "offset": file.offset,
            "bytes": file.bytes,
            "sha512": bytes.fromhex(file.sha512),
        }
        for position, file in enumerate(files)
    ]
    if rows:
        session.connection().execute(_INSERT_FILE, rows)
