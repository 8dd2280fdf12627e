"""Of an article whose every copy is damaged, the files that survive in any of them: a new version, marked as such.

A person decides it, because readers and harvesters are shown a new version. Nothing is invented: files that do not
survive are named in the new bag. The damaged copies stay as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from ingest import premis
from ingest.deaccession import who_decides
from ingest.fronts import front_among, may_describe
from ingest.identification import identify_many
from ingest.sealing import DESCRIPTION, LETTERS, PREMIS, article_json, bag_info, files_of_adopted
from ingest.survivors import Plan, Salvaging, fetched, plan
from ingest.works import alone_with
from repository import salvage as marking
from repository.bags import Bag, verify_stream, write_bag
from repository.catalogue import changes, holdings, registration, testimony, titles
from repository.catalogue.registration import Sealed
from repository.errors import NotNow
from repository.preservation import preserve
from repository.salvage import LABEL_FROM, LABEL_LOST, Piece, Salvage
from repository.texts import marked
from repository.vocabulary import EventType, PayloadFile, as_utc_text, bag_name

log = structlog.get_logger(__name__)

BEFORE = "metadata/salvaged/"
"""Where the damaged bag's own PREMIS lies in the new one, where it survives."""

LONGEST_REASON = 4000


def carry_out(work: Salvaging, id_or_doi: str, version: int | None, by: str, reason: str) -> int:
    """The files that survive are a new version of the article, in every store and registered; its number.

    Raises as :func:`plan`, WouldOverwrite, and NotNow where nothing survives.
    """
    by, reason = who_decides(by), reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise NotNow(marked("A reason is needed, of at most 4000 characters: it is kept in the bag."))
    seen = plan(work, id_or_doi, version)
    # Nobody else enters a version of it meanwhile.
    with alone_with(work.catalogue, work.home, [replace(seen.record, doi=None)]):
        seen = plan(work, id_or_doi, version)
        if len(seen.lost) == len(seen.files):
            raise NotNow(marked("Nothing of it survives in any copy."))
        now = work.clock()
        mark = Salvage(
            version=seen.version,
            seal=seen.seal,
            at=as_utc_text(now),
            by=by,
            reason=reason,
            described_by=seen.described_by,
            pieces=tuple(Piece(one.path, one.bytes, one.sha512, one.store) for one in seen.files),
        )
        staging = work.home / "staging" / f"salvage-{bag_name(seen.article_id, seen.version)}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            return _kept(work, seen, mark, staging, now)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _kept(work: Salvaging, seen: Plan, mark: Salvage, staging: Path, now: datetime) -> int:
    with work.catalogue.reading() as session:
        version = holdings.versions_of(session, seen.article_id)[0].version + 1
    path = staging / f"{bag_name(seen.article_id, version)}.tar"
    bag = _sealed(work, seen, mark, path, version, now)
    kept = preserve(bag, work.stores, work.clock)
    if kept.adopted:  # put by a run that was killed before it could register it
        lying = marking.in_bag(_metadata_of(path, seen.article_id, version))
        mark = lying or mark
        kept = replace(kept, files=files_of_adopted(path, seen.article_id, version, kept.files))
    described = {one.path: _file_of(path, one) for one in kept.files if may_describe(one.path, one.bytes)}
    sealed = Sealed(
        article_id=seen.article_id,
        version=version,
        seal=kept.seal,
        bytes=kept.bytes,
        payload_digest=kept.payload_digest,
        bagging_date=kept.bagging_date,
        files=kept.files,
        verified=kept.verified,
        salvage=mark,
    )
    with work.catalogue.writing() as session:
        publisher = titles.publisher_named(session, seen.publisher)
        article = registration.register(
            session,
            publisher,
            seen.record,
            sealed,
            at=now,
            agent=work.agent,
            delivery_id=seen.delivery_id,
            promises=work.promises,
            front=front_among(described, seen.record),
        )
        detail = {**mark.as_json(), "files": len(mark.pieces), "lost": [one.as_json() for one in mark.lost]}
        testimony.witness(
            session,
            EventType.RECOVERY,
            at=now,
            outcome="success",
            agent=work.agent,
            detail=detail,
            article_id=seen.article_id,
            version=version,
        )
        datestamp = article.datestamp
    changes.in_time(work.catalogue, datestamp)
    log.info("salvaged", article=seen.article_id, version=version, source=seen.version, lost=len(mark.lost))
    return version


def _sealed(work: Salvaging, seen: Plan, mark: Salvage, path: Path, version: int, now: datetime) -> Bag:
    """The new bag on our own disk. Raises StagingChanged when a store gives other bytes than a moment ago."""
    payload = list(fetched(work, seen, path.parent))
    identified = identify_many([(one.source, one.path) for one in payload], path.parent)
    described = [
        premis.DescribedFile(f"data/{one.path}", one.path, one.bytes, one.sha512, found)
        for one, found in zip(payload, identified.files, strict=True)
    ]
    day = f"{now:%Y-%m-%d}"
    tags = {name: raw for name, raw in seen.tag_files.items() if name == DESCRIPTION or name.startswith(LETTERS)}
    if PREMIS in seen.tag_files:
        tags[f"{BEFORE}premis.xml"] = seen.tag_files[PREMIS]
    tags.setdefault(DESCRIPTION, article_json(seen.record))
    tags[PREMIS] = premis.premis_xml(
        seen.article_id, version, described, day, work.agent, seen.publisher, (), identified, salvage=mark
    )
    tags[marking.PATH] = (json.dumps(mark.as_json(), ensure_ascii=False, indent=1) + "\n").encode()
    info = bag_info(seen.publisher, seen.delivery_id, seen.record, seen.article_id, day, work.agent)
    info += [(LABEL_FROM, bag_name(seen.article_id, seen.version)), (LABEL_LOST, str(len(mark.lost)))]
    bag = write_bag(path, article_id=seen.article_id, version=version, bag_info=info, tag_files=tags, payload=payload)
    formats = {one.path: premis.format_key(found) for one, found in zip(payload, identified.files, strict=True)}
    return replace(bag, files=tuple(replace(file, format=formats[file.path]) for file in bag.files))


def _file_of(path: Path, file: PayloadFile) -> bytes:
    with path.open("rb") as stream:
        stream.seek(file.offset)
        return stream.read(file.bytes)


def _metadata_of(path: Path, article_id: str, version: int) -> Mapping[str, bytes]:
    with path.open("rb") as stream:
        return verify_stream(stream, own=(article_id, version)).tag_files
