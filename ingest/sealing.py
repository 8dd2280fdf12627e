"""One SIP becomes one bag: the publisher's files as they came, what was read of them, and what happened so far."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ingest import premis
from ingest.inbox import Arrived
from ingest.sips import Sip
from repository.bags import Bag, PayloadSource, write_bag
from repository.vocabulary import ArticleRecord, Finding

BAGIT_PROFILE = "urn:mahfuz:bagit-profile:1"


def seal(
    target: Path, arrived: Arrived, sip: Sip, identity: str, version: int, agent: str, findings: Iterable[Finding]
) -> Bag:
    """Write the bag of this version of this article to ``target``.

    Nothing in it comes from the clock of the run: its day is that on which the delivery was accepted,
    so the same delivery gives the same bytes whenever and however often it is sealed. Raises
    StagingChanged when our own disk no longer holds what was unpacked.
    """
    assert sip.record is not None
    day = arrived.accepted_on.strftime("%Y-%m-%d")
    described = [premis.DescribedFile(f"data/{m.name}", m.name, m.bytes, m.sha512) for m in sip.members]
    codes = sorted({found.code for found in findings})
    return write_bag(
        target,
        article_id=identity,
        version=version,
        bag_info=_bag_info(arrived, sip.record, identity, day, agent),
        tag_files={
            "metadata/article.json": _article_json(sip.record),
            "metadata/premis.xml": premis.premis_xml(
                identity, version, described, day, agent, arrived.publisher, codes
            ),
        },
        payload=[PayloadSource(m.name, m.source, m.bytes, m.sha512) for m in sip.members],
    )


def _bag_info(arrived: Arrived, record: ArticleRecord, identity: str, day: str, agent: str) -> list[tuple[str, str]]:
    """RFC 8493 2.2.2; Payload-Oxum is the writer's. What is not known is left out."""
    fields = [
        ("Source-Organization", arrived.publisher),
        ("External-Identifier", identity),
        ("Internal-Sender-Identifier", record.doi),
        ("Bag-Group-Identifier", record.issns[0] if record.issns else None),
        ("Bagging-Date", day),
        ("BagIt-Profile-Identifier", BAGIT_PROFILE),
        ("Bag-Software-Agent", agent),
        ("Delivery-Identifier", arrived.delivery_id),
    ]
    return [(label, value) for label, value in fields if value]


def _article_json(record: ArticleRecord) -> bytes:
    return (json.dumps(record.as_json(), ensure_ascii=False, indent=1) + "\n").encode()
