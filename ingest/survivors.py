"""Of a version whose every copy is damaged: file by file, in which copy it survives. Nothing is changed by looking.

A file survives when bytes of some copy match its SHA-512 as the catalogue or an authentic manifest has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from ingest.sealing import DESCRIPTION
from repository.bags import (
    BagReport,
    PayloadSource,
    payload_digest,
    payload_manifests,
    verify_stream,
    witnessed_tag_files,
)
from repository.catalogue import Catalogue, copies, disposals, holdings
from repository.errors import Doubt, NotNow, ObjectMissing
from repository.models import Aip, Article, Copy, Publisher
from repository.promise import Promises
from repository.storage import BUFFER, Store
from repository.texts import marked
from repository.vocabulary import GIVEN_UP, ArticleRecord, CopyState, PayloadFile, bag_key


class Disputed(NotNow):
    """The witnesses disagree, and it is not decay: a person looks at them first."""

    exit_status = 4


@dataclass(frozen=True, slots=True)
class Salvaging:
    """What a salvage is given to work with."""

    catalogue: Catalogue
    stores: Sequence[Store]
    home: Path
    agent: str
    clock: Callable[[], datetime]
    promises: Promises


@dataclass(frozen=True, slots=True)
class Found:
    """One payload file of the damaged version; ``store`` and ``offset``: where its bytes are, None where nowhere."""

    path: str
    sha512: str
    bytes: int | None
    store: str | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of a version, before anything is done."""

    article_id: str
    version: int
    seal: str
    files: tuple[Found, ...]
    tag_files: Mapping[str, bytes]
    """Of ``metadata/``, those that are proved."""
    record: ArticleRecord
    publisher: str
    delivery_id: str | None
    copies: Mapping[str, str]
    """By store, what was found of its copy just now."""

    @property
    def lost(self) -> tuple[Found, ...]:
        """The files that no copy has any more."""
        return tuple(one for one in self.files if one.store is None)

    @property
    def described_by(self) -> str:
        """Whether the description survives in the bag, or comes from the catalogue."""
        return "bag" if DESCRIPTION in self.tag_files else "catalogue"


def plan(work: Salvaging, id_or_doi: str, version: int | None = None) -> Plan:
    """Read every copy of this version (the newest by default) and say file by file where it survives; change nothing.

    Raises NotNow where there is nothing to salvage or it may not be done, Disputed where the copies are not decayed
    but exchanged or the catalogue was altered, StoreUnavailable: a copy that was not read may be whole.
    """
    with work.catalogue.reading() as session:
        article = holdings.find_article(session, id_or_doi)
        if article is None:
            raise NotNow(marked("No article has the id or DOI %(word)s."), word=id_or_doi)
        aip = _version(session, article, version)
        rows = [copy for copy in copies.of(session, aip.id) if copy.state not in GIVEN_UP]
        listed = [
            PayloadFile(file.path, file.offset, file.bytes, file.sha512.hex())
            for file in holdings.files_of(session, aip.id)
        ]
        _may_be_salvaged(session, article, aip, rows)
        record = ArticleRecord.from_json(article.record)
        publisher = holdings.deliverers_of(session, article.id).get(aip.version)
        publisher = publisher or session.get_one(Publisher, article.publisher_id).name
    reports, told = _read_all(work, aip, {row.store: row for row in rows})
    expected = _expected(aip, listed, list(reports.values()))
    tag_files = witnessed_tag_files(reports.values())
    if DESCRIPTION in tag_files:
        record = ArticleRecord.from_json(json.loads(tag_files[DESCRIPTION]))
    files = tuple(_found(work, aip, file, reports, told) for file in expected)
    return Plan(article.id, aip.version, aip.seal, files, tag_files, record, publisher, aip.delivery_id, told)


def _version(session: Session, article: Article, wanted: int | None) -> Aip:
    aip = holdings.aip_version(session, article.id, article.version if wanted is None else wanted)
    if aip is None:
        raise NotNow(marked("The article has no version %(number)s."), number=wanted)
    if aip.version != article.version:
        # The newest version is what readers are shown: what survives of an older one must not take its place.
        raise NotNow(
            marked("Version %(newest)s is newer: what survives of version %(number)s would take its place."),
            newest=article.version,
            number=aip.version,
        )
    return aip


def _may_be_salvaged(session: Session, article: Article, aip: Aip, rows: Sequence[Copy]) -> None:
    if not rows:
        raise NotNow(marked("Version %(number)s was disposed of: nothing of it is kept."), number=aip.version)
    if any(one.state in disposals.OPEN for one in disposals.of(session, article.id)):
        raise NotNow(marked("A disposal of this article is under way: cancel it first."))
    if any(row.state not in (CopyState.DAMAGED, CopyState.MISSING) for row in rows):
        raise NotNow(marked("Not every copy is known to be damaged: have them audited first, which mends what it can."))


def _read_all(work: Salvaging, aip: Aip, rows: Mapping[str, Copy]) -> tuple[dict[str, BagReport], dict[str, str]]:
    """What each copy is by reading it now, and a word for it."""
    reports: dict[str, BagReport] = {}
    told: dict[str, str] = {}
    key = bag_key(aip.article_id, aip.version)
    for store in work.stores:
        row = rows.get(store.name)
        if row is None:
            continue
        try:
            with store.open(key) as stream:
                report = verify_stream(stream, own=(aip.article_id, aip.version))
        except ObjectMissing:
            told[store.name] = "missing"
            continue
        except Doubt:
            if row.state != CopyState.DAMAGED or row.unreadable_since is None:
                raise
            told[store.name] = "unreadable"  # as it has been for days: what can be read of it is tried file by file
            continue
        if report.valid and (report.seal, report.bytes) == (aip.seal, aip.bytes):
            raise NotNow(
                marked("The copy in %(store)s is whole: have it audited, and the others are mended from it."),
                store=store.name,
            )
        if report.valid:
            raise Disputed(
                marked(
                    "In %(store)s lies a valid bag with another seal: it is no decay, and a person looks at it first."
                ),
                store=store.name,
            )
        reports[store.name], told[store.name] = report, "damaged"
    for name in sorted(set(rows) - set(told)):
        told[name] = "not in the settings"
    return reports, told


def _expected(aip: Aip, listed: Sequence[PayloadFile], reports: Sequence[BagReport]) -> list[Found]:
    """Every file that the version has by two witnesses: the digest of all digests, and the rows or a manifest."""
    if payload_digest(listed) == aip.payload_digest:
        return [Found(file.path, file.sha512, file.bytes, offset=file.offset) for file in listed]
    for said in payload_manifests(reports):
        found = [Found(path, sha512, None) for path, sha512 in sorted(said.items())]
        if payload_digest(found) == aip.payload_digest:
            return found
    raise Disputed(
        marked("The catalogue's list of files was altered, and no manifest of any copy is proved to be authentic.")
    )


def _found(work: Salvaging, aip: Aip, file: Found, reports: Mapping[str, BagReport], told: Mapping[str, str]) -> Found:
    """The file with the first copy that has it: where its tar says that it lies, else where it lay when sealed."""
    for name, report in reports.items():
        for seen in report.files:
            if seen.sha512 == file.sha512:
                return replace(file, store=name, offset=seen.offset, bytes=seen.bytes)
    if file.bytes is None:
        return file
    for store in work.stores:
        if told.get(store.name) not in ("damaged", "unreadable"):
            continue
        digest = hashlib.sha512()
        try:
            for block in _blocks(store, bag_key(aip.article_id, aip.version), file.offset, file.bytes):
                digest.update(block)
        except (Doubt, ObjectMissing):
            continue
        if digest.hexdigest() == file.sha512:
            return replace(file, store=store.name)
    return file


def _blocks(store: Store, key: str, offset: int, octets: int) -> Iterator[bytes]:
    if not octets:
        return
    with store.open(key, offset, octets) as stream:
        while block := stream.read(BUFFER):
            yield block


def fetched(work: Salvaging, seen: Plan, folder: Path) -> Iterator[PayloadSource]:
    """Each file that survives, on our own disk; whether it is what it should be is counted when it is sealed."""
    stores = {store.name: store for store in work.stores}
    key = bag_key(seen.article_id, seen.version)
    for number, file in enumerate(one for one in seen.files if one.store is not None):
        source = folder / f"{number}"
        assert file.store is not None
        assert file.bytes is not None
        with source.open("wb") as target:
            for block in _blocks(stores[file.store], key, file.offset, file.bytes):
                target.write(block)
        yield PayloadSource(file.path, source, file.bytes, file.sha512)
