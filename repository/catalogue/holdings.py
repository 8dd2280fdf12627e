"""Articles, their versions and files: registered once every copy has been read back, never before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Row, delete, insert, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue import changes, copies, identity, links, shelves, tallies, testimony, titles
from repository.models import Aip, Article, ArticleWord, Copy, Delivery, File, Publisher, Title
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
_MOST_POINTING = 500
_AT_ONCE = 500

_T = TypeVar("_T")

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
class Entering:
    """An AIP on its way into the catalogue; ``due`` says when each store's copy is to be read again."""

    record: ArticleRecord
    sealed: Sealed
    due: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Held:
    """The latest registered version of an article."""

    version: int
    seal: str
    payload_digest: str
    has_pdf: bool


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version of an article: its number, its payload, and the delivery that brought it."""

    version: int
    payload_digest: str
    delivery_id: str | None


def held(session: Session, article_id: str) -> Held | None:
    """What is held of this article, or None. ``has_pdf`` is true when any version has one."""
    return held_of(session, [article_id]).get(article_id)


def held_of(session: Session, article_ids: Sequence[str]) -> dict[str, Held]:
    """What is held of each of these articles; those of which nothing is held are left out."""
    latest: dict[str, Row[tuple[str, int, str, str]]] = {}
    for part in _parts(article_ids):
        rows = session.execute(
            select(Aip.article_id, Aip.version, Aip.seal, Aip.payload_digest)
            .where(Aip.article_id.in_(part))
            .order_by(Aip.version)
        )
        latest |= {row.article_id: row for row in rows}
    with_pdf: set[str] = set()
    for part in _parts(list(latest)):
        paths = session.execute(
            select(Aip.article_id, File.path).join(File, File.aip_id == Aip.id).where(Aip.article_id.in_(part))
        )
        with_pdf |= {row.article_id for row in paths if machine_lower(row.path).endswith(".pdf")}
    return {one: Held(row.version, row.seal, row.payload_digest, one in with_pdf) for one, row in latest.items()}


def _parts(ids: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """As many at a time as one statement takes on every database."""
    yield from (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


def latest_pdfs(session: Session, article_id: str) -> tuple[int, list[str]] | None:
    """The newest version that came with PDFs, and their paths in the order of its bag; None when none did."""
    rows = session.execute(
        select(Aip.version, File.path)
        .join(File, File.aip_id == Aip.id)
        .where(Aip.article_id == article_id)
        .order_by(Aip.version.desc(), File.position)
    )
    pdfs = [row for row in rows if machine_lower(row.path).endswith(".pdf")]
    return (pdfs[0].version, [row.path for row in pdfs if row.version == pdfs[0].version]) if pdfs else None


def described_and_filed(
    session: Session, article_id: str, version: int
) -> tuple[ArticleRecord, list[PayloadFile]] | None:
    """The description and the files of this version, while it is the latest one; else None."""
    article, aip = session.get(Article, article_id), aip_version(session, article_id, version)
    if article is None or aip is None or article.version != version:
        return None
    files = [
        PayloadFile(file.path, file.offset, file.bytes, file.sha512.hex(), file.format)
        for file in files_of(session, aip.id)
    ]
    return ArticleRecord.from_json(article.record), files


def aip_version(session: Session, article_id: str, version: int) -> Aip | None:
    """One version of an article, or None."""
    return session.execute(select(Aip).where(Aip.article_id == article_id, Aip.version == version)).scalar_one_or_none()


def versions_of(session: Session, article_id: str) -> list[Version]:
    """Every registered version of this article, the newest first."""
    rows = session.execute(
        select(Aip.version, Aip.payload_digest, Aip.delivery_id)
        .where(Aip.article_id == article_id)
        .order_by(Aip.version.desc())
    )
    return [Version(*row) for row in rows]


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
    return register_all(
        session,
        publisher,
        [Entering(record, sealed, due)],
        at=at,
        agent=agent,
        delivery_id=delivery_id,
        datestamp=datestamp,
    )[0]


def register_all(
    session: Session,
    publisher: Publisher,
    entering: Sequence[Entering],
    *,
    at: datetime,
    agent: str,
    delivery_id: str | None,
    datestamp: datetime | None = None,
) -> list[Article]:
    """As :func:`register`, for AIPs of different articles at once: so many statements for all as for a few.

    With a notice (a correction, a retraction) the article that it is about is announced too: harvesters learn of it.
    Returned are the articles in the order of ``entering``. Raises ValueError for two AIPs of one article.
    """
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
        steps = _describe(session, publisher, new, articles)
        aips = [_aip(one.sealed, delivery_id, at) for one in new]
        session.add_all(aips)
        session.flush()
        _enter_files(session, aips, new)
        steps += copies.enter(
            session, [(aip, one.sealed.verified, one.due) for aip, one in zip(aips, new, strict=True)]
        )
        tallies.step(session, [*steps, *(tallies.Step("aips", "kept", 1, aip.bytes) for aip in aips)])
        testimony.witness_all(
            session,
            EventType.INGESTION,
            [(one.sealed.article_id, one.sealed.version, _told_of(one.sealed)) for one in new],
            at=at,
            outcome="success",
            agent=agent,
            delivery_id=delivery_id,
        )
        changed = [articles[one.sealed.article_id] for one in new]
        pointed_at = [articles[identifier] for identifier in told]
        if datestamp is None:
            changes.announce_all(session, [*changed, *pointed_at])
        else:
            for article in changed:
                notice = links.latest_notice(session, ArticleRecord.from_json(article.record))
                changes.announce_as_it_was(session, article, max(datestamp, notice or datestamp))
            for article in pointed_at:
                if article.datestamp < datestamp:
                    changes.announce_as_it_was(session, article, datestamp)
    return [articles[identifier] for identifier in ids]


def article_json(session: Session, article: Article) -> dict[str, Any]:
    """Everything known of an article, as the contract prints it: description, versions, files, copies."""
    described = ArticleRecord.from_json(article.record)
    record = described.as_json()
    held = links.held(session, described.related)
    for told, pointer in zip(record["related"], described.related, strict=True):
        told["article"] = held.get(pointer)
    pointing = links.pointing_at(session, described, limit=_MOST_POINTING)
    deliverers = deliverers_of(session, article.id)
    versions = [
        {
            "version": aip.version,
            "delivered_by": deliverers.get(aip.version),
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
        "pointed_at_by": [
            {"type": one.type, "identifier": one.record.doi, "article": one.article_id} for one in pointing
        ],
        "state": article.state,
        "datestamp": as_utc_text(article.datestamp),
        "versions": versions,
    }


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """One copy: its store, what is known of it, and when it was last read to the end."""

    store: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One payload file: its path in the bag, which is the publisher's name for it, and its digest in hexadecimal."""

    path: str
    bytes: int
    sha512: str


@dataclass(frozen=True, slots=True)
class KeptBag:
    """One version of an article as it is kept now."""

    seal: str
    bytes: int
    files: tuple[KeptFile, ...]
    copies: tuple[KeptCopy, ...]


def kept_bags(session: Session, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], KeptBag]:
    """The bags of these ``(article id, version)``, with their files and copies; two queries for each five hundred."""
    found: dict[tuple[str, int], KeptBag] = {}
    for part in _parts(wanted):
        ours = tuple_(Aip.article_id, Aip.version).in_(part)
        files: dict[int, list[KeptFile]] = {}
        listed = select(File.aip_id, File.path, File.bytes, File.sha512).join(Aip, Aip.id == File.aip_id).where(ours)
        for aip_id, path, octets, sha512 in session.execute(listed.order_by(File.aip_id, File.position)):
            files.setdefault(aip_id, []).append(KeptFile(path, octets, sha512.hex()))
        rows = session.execute(
            select(Aip, Copy).join(Copy, Copy.aip_id == Aip.id).where(ours).order_by(Aip.id, Copy.store)
        )
        for aip, copy in rows:
            key = (aip.article_id, aip.version)
            known = found.get(key) or KeptBag(aip.seal, aip.bytes, tuple(files.get(aip.id, ())), ())
            one = KeptCopy(copy.store, copies.shown_state(copy), copy.verified_at)
            found[key] = replace(known, copies=(*known.copies, one))
    return found


def aips_of(session: Session, article_id: str) -> Sequence[Aip]:
    """Every version of an article, the first first."""
    return session.execute(select(Aip).where(Aip.article_id == article_id).order_by(Aip.version)).scalars().all()


def deliverers_of(session: Session, article_id: str) -> dict[int, str]:
    """Version to the publisher that delivered it, where the delivery is known."""
    rows = session.execute(
        select(Aip.version, Publisher.name)
        .join(Delivery, Delivery.id == Aip.delivery_id)
        .join(Publisher, Publisher.id == Delivery.publisher_id)
        .where(Aip.article_id == article_id)
    )
    return {row.version: row.name for row in rows}


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


def _describe(
    session: Session, publisher: Publisher, entering: Sequence[Entering], articles: dict[str, Article]
) -> list[tallies.Step]:
    """Each article's row in ``articles``, described as this version does unless a newer one is already there.

    What they add to the tallies is returned.
    """
    steps: list[tallies.Step] = []
    described: list[tuple[Article, ArticleRecord]] = []
    on_shelf: Counter[tuple[int, int]] = Counter()
    known: dict[tuple[str | None, ...], Title] = {}
    issues: dict[tuple[int, str], int] = {}
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
            steps.append(tallies.Step("articles", ArticleState.ACTIVE, 1))
        elif article.version > sealed.version:
            continue
        elif article.state == ArticleState.ACTIVE:
            on_shelf[article.title_id, article.issue_id] -= 1
        said = (*record.issns, "", record.issn_print, record.issn_electronic, record.issn_l)
        title = known[said] = known.get(said) or titles.title_of(session, publisher, record, article.title_id)
        shelf = (title.id, shelves.issue_shelf(record))
        issues[shelf] = issues.get(shelf) or shelves.issue_of(session, title, record).id
        article.title_id, article.publisher_id, article.issue_id = title.id, publisher.id, issues[shelf]
        article.version = sealed.version
        if record.doi is None and article.record:
            record = replace(record, doi=article.record["doi"])  # once given, it stays the article's
        article.doi = machine_lower(record.doi) if record.doi else None
        article.shelf = shelves.page_shelf(record)
        article.record = record.as_json()
        if article.state == ArticleState.ACTIVE:
            on_shelf[article.title_id, article.issue_id] += 1
        described.append((article, record))
    session.add_all(article for article, _ in described)
    session.flush()
    shelves.count(session, on_shelf)
    for article, record in described:
        links.enter(session, article.id, record, new=article.version == 1)
        identity.enter(session, article.id, record)
    _enter_words(session, [article for article, _ in described])
    return steps


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
    )


def _told_of(sealed: Sealed) -> dict[str, Any]:
    stores = {store: as_utc_text(moment) if moment else None for store, moment in sealed.verified.items()}
    return {"seal": sealed.seal, "bytes": sealed.bytes, "read back": stores}


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
