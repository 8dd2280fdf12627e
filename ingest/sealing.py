"""One SIP becomes one bag: the publisher's files as they came, what was read of them, and what happened so far."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ingest import premis
from ingest.identification import identify_many
from ingest.inbox import Arrived
from ingest.sips import Sip
from repository.bags import Bag, PayloadSource, write_bag
from repository.vocabulary import ArticleRecord, Finding, PayloadFile, bag_name

DESCRIPTION = "metadata/article.json"
PREMIS = "metadata/premis.xml"
LETTERS = "metadata/delivery/"
BAGIT_PROFILE = "urn:mahfuz:bagit-profile:1"


def seal(
    target: Path,
    arrived: Arrived,
    sip: Sip,
    identity: str,
    version: int,
    agent: str,
    findings: Iterable[Finding],
    elsewhere: tuple[int, Sequence[str]] | None = None,
) -> Bag:
    """Write the bag of this version of this article to ``target``.

    Nothing in it comes from the clock of the run: its day is that on which the delivery was accepted,
    so the same delivery gives the same bytes whenever and however often it is sealed with the same
    signatures of formats and viruses. ``elsewhere`` are the version and the paths of PDFs that did not come again:
    the bag names them as parts of the article and does not hold them. Raises StagingChanged when our own disk no
    longer holds what was unpacked.
    """
    assert sip.record is not None
    day = arrived.accepted_on.strftime("%Y-%m-%d")
    identified = identify_many([(m.source, m.name) for m in sip.members], target.parent)
    described = [
        premis.DescribedFile(
            f"data/{m.name}", m.name, m.bytes, m.sha512, found, m.raw_name.hex() if m.raw_name else None
        )
        for m, found in zip(sip.members, identified.files, strict=True)
    ]
    codes = sorted({found.code for found in findings})
    document = premis.premis_xml(
        identity,
        version,
        described,
        day,
        agent,
        arrived.publisher,
        codes,
        identified,
        arrived.virus_check,
        [f"{bag_name(identity, elsewhere[0])}/data/{path}" for path in elsewhere[1]] if elsewhere else (),
    )
    bag = write_bag(
        target,
        article_id=identity,
        version=version,
        bag_info=bag_info(arrived.publisher, arrived.delivery_id, sip.record, identity, day, agent),
        tag_files={
            DESCRIPTION: article_json(sip.record),
            PREMIS: document,
            # Not among the payload: with another letter the same files are still the same version.
            **{f"{LETTERS}{letter.name}": letter.source.read_bytes() for letter in sip.letters},
        },
        payload=[PayloadSource(m.name, m.source, m.bytes, m.sha512) for m in sip.members],
    )
    formats = {m.name: premis.format_key(found) for m, found in zip(sip.members, identified.files, strict=True)}
    return replace(bag, files=tuple(replace(file, format=formats[file.path]) for file in bag.files))


def files_of_adopted(bag: Path, article_id: str, version: int, files: Sequence[PayloadFile]) -> tuple[PayloadFile, ...]:
    """The files of a bag that an earlier run sealed, with the formats that it told of them.

    ``bag`` is the whole bag on our own disk. Other signatures may be in use by now, and the catalogue says what
    the bag says. Raises OSError.
    """
    with tarfile.open(bag) as tar:
        stream = tar.extractfile(f"{bag_name(article_id, version)}/{PREMIS}")
        return premis.with_formats(files, stream.read() if stream else b"")


def bag_info(
    publisher: str, delivery_id: str | None, record: ArticleRecord, identity: str, day: str, agent: str
) -> list[tuple[str, str]]:
    """RFC 8493 2.2.2; Payload-Oxum is the writer's. What is not known is left out."""
    fields = [
        ("Source-Organization", publisher),
        ("External-Identifier", identity),
        ("Internal-Sender-Identifier", record.doi),
        ("Bag-Group-Identifier", record.issns[0] if record.issns else None),
        ("Bagging-Date", day),
        ("BagIt-Profile-Identifier", BAGIT_PROFILE),
        ("Bag-Software-Agent", agent),
        ("Delivery-Identifier", delivery_id),
    ]
    return [(label, value) for label, value in fields if value]


def article_json(record: ArticleRecord) -> bytes:
    """All that was read of the publisher, as it lies in the bag."""
    return (json.dumps(record.as_json(), ensure_ascii=False, indent=1) + "\n").encode()
