"""Articles, their versions and files, as they are held: asked for here, entered in ``registration``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, select
from sqlalchemy.orm import Session

from repository.catalogue import copies, links
from repository.catalogue.parts import parts
from repository.models import Aip, Article, Copy, Delivery, File, Notice, Publisher
from repository.notice import NoticeKind
from repository.salvage import Salvage
from repository.turkish import machine_lower
from repository.vocabulary import GIVEN_UP, ArticleRecord, PayloadFile, as_utc_text, bare_doi

_MOST_POINTING = 500

# Said once: it is asked for every article that comes.
_VERSIONS = (
    select(Aip.version, Aip.payload_digest, Aip.delivery_id)
    .where(Aip.article_id == bindparam("article"))
    .order_by(Aip.version.desc())
)


@dataclass(frozen=True, slots=True)
class Held:
    """The latest registered version of an article."""

    version: int
    seal: str
    payload_digest: str
    has_pdf: bool
    record: ArticleRecord
    """The article as its latest version describes it."""


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
    for part in parts(article_ids):
        rows = session.execute(
            select(Aip.article_id, Aip.version, Aip.seal, Aip.payload_digest)
            .where(Aip.article_id.in_(part))
            .order_by(Aip.version)
        )
        latest |= {row.article_id: row for row in rows}
    with_pdf: set[str] = set()
    for part in parts(list(latest)):
        paths = session.execute(
            select(Aip.article_id, File.path).join(File, File.aip_id == Aip.id).where(Aip.article_id.in_(part))
        )
        with_pdf |= {row.article_id for row in paths if machine_lower(row.path).endswith(".pdf")}
    records: dict[str, ArticleRecord] = {}
    for part in parts(list(latest)):
        described = session.execute(select(Article.id, Article.record).where(Article.id.in_(part)))
        records |= {row.id: ArticleRecord.from_json(row.record) for row in described}
    return {
        one: Held(row.version, row.seal, row.payload_digest, one in with_pdf, records[one])
        for one, row in latest.items()
    }


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
    return [Version(*row) for row in session.execute(_VERSIONS, {"article": article_id})]


def versions_among(session: Session, article_ids: Sequence[str]) -> dict[str, set[int]]:
    """Those of these articles that are registered, each with the numbers of its versions."""
    found: dict[str, set[int]] = {}
    for part in parts(article_ids):
        for row in session.execute(select(Aip.article_id, Aip.version).where(Aip.article_id.in_(part))):
            found.setdefault(row.article_id, set()).add(row.version)
    return found


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
            "salvaged": _salvaged(aip),
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
        "notices": [
            {
                "number": one.number,
                "kind": one.kind,
                "at": as_utc_text(one.at),
                "reason": one.reason,
                "language": one.language,
                "sha256": one.seal,
            }
            for one in session.execute(
                select(Notice).where(Notice.article_id == article.id).order_by(Notice.number)
            ).scalars()
        ],
        "datestamp": as_utc_text(article.datestamp),
        "versions": versions,
    }


def _salvaged(aip: Aip) -> dict[str, Any] | None:
    """From which version it was put together, and which of its files are lost; without who decided it."""
    if aip.salvage is None:
        return None
    told = Salvage.from_json(aip.salvage)
    lost = [{"path": one.path, "bytes": one.bytes, "sha512": one.sha512} for one in told.lost]
    return {"from_version": told.version, "at": told.at, "lost": lost}


def salvaged_from(session: Session, article_id: str, version: int) -> int | None:
    """The latest version that was put together from damaged copies of this one; None where there is none."""
    found = [aip.version for aip in aips_of(session, article_id) if (aip.salvage or {}).get("from_version") == version]
    return max(found, default=None)


def tombstone_json(session: Session, article: Article) -> dict[str, Any]:
    """What everybody may know of an article that is withdrawn: its id and DOI, since when, and why."""
    told = select(Notice).where(Notice.article_id == article.id, Notice.kind == NoticeKind.WITHDRAWAL)
    notice = session.execute(told.order_by(Notice.number.desc()).limit(1)).scalar_one_or_none()
    found: dict[str, Any] = {"id": article.id, "doi": article.doi, "state": article.state}
    if notice is not None:
        found["withdrawn"] = {"at": as_utc_text(notice.at), "reason": notice.reason, "language": notice.language}
    return found


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
    format: str | None = None
    """PRONOM identifier, where the format was identified."""


@dataclass(frozen=True, slots=True)
class KeptBag:
    """One version of an article as it is kept now."""

    version: int
    seal: str
    bytes: int
    files: tuple[KeptFile, ...]
    copies: tuple[KeptCopy, ...]


def kept_bags(session: Session, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], KeptBag]:
    """The bags of these ``(article id, version)``, with their files and copies; two queries for each five hundred."""
    found: dict[tuple[str, int], KeptBag] = {}
    for part in parts(wanted):
        among = frozenset(part)
        # Not by pairs: to look for (article, version) among them SQLite reads all bags.
        ours = and_(Aip.article_id.in_({one for one, _ in part}), Aip.version.in_({version for _, version in part}))
        files: dict[int, list[KeptFile]] = {}
        columns = (File.aip_id, File.path, File.bytes, File.sha512, File.format)
        listed = select(*columns).join(Aip, Aip.id == File.aip_id).where(ours)
        for aip_id, path, octets, sha512, puid in session.execute(listed.order_by(File.aip_id, File.position)):
            files.setdefault(aip_id, []).append(KeptFile(path, octets, sha512.hex(), puid))
        rows = session.execute(
            select(Aip, Copy).join(Copy, Copy.aip_id == Aip.id).where(ours).order_by(Aip.id, Copy.store)
        )
        for aip, copy in rows:
            if (key := (aip.article_id, aip.version)) not in among:
                continue
            known = found.get(key) or KeptBag(aip.version, aip.seal, aip.bytes, tuple(files.get(aip.id, ())), ())
            one = KeptCopy(copy.store, copies.shown_state(copy), copy.verified_at)
            found[key] = replace(known, copies=(*known.copies, one))
    return found


def kept_versions(session: Session, article_ids: Sequence[str]) -> dict[str, tuple[KeptBag, ...]]:
    """Every version of these articles that is still kept, the first first; as many queries for hundreds as for one.

    One that two people gave up is not among them.
    """
    numbers = versions_among(session, article_ids)
    bags = kept_bags(session, [(one, version) for one, versions in numbers.items() for version in sorted(versions)])
    found: dict[str, tuple[KeptBag, ...]] = {}
    for (article, _), bag in sorted(bags.items()):
        if any(copy.state not in GIVEN_UP for copy in bag.copies):
            found[article] = (*found.get(article, ()), bag)
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
    doi = bare_doi(machine_lower(word))
    return session.execute(select(Article).where(Article.doi == doi).limit(1)).scalar_one_or_none()
