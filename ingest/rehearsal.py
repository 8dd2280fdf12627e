"""A delivery gone through without keeping any of it: what would become of each article, and why."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.dialects import describe
from ingest.door import Door
from ingest.findings import delivery_verdict, finding
from ingest.inbox import Arrived
from ingest.judging import judged
from ingest.profiles import told
from ingest.sips import group
from ingest.unpack import Delivered, unpack
from ingest.virus import checked_for_viruses
from repository.bags import payload_digest
from repository.catalogue import holdings
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One article as it would come out; ``files`` are ``(path, octets)`` as they would lie in its bag."""

    name: str
    article_id: str | None
    doi: str | None
    title: str | None
    outcome: ArticleOutcome
    version: int | None
    """The version it would become, or the one that holds these very bytes already; None when it is refused."""
    files: tuple[tuple[str, int], ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a delivery would come to; ``state`` is the one it would be finished in."""

    state: DeliveryState
    findings: tuple[Finding, ...]
    articles: tuple[Foreseen, ...]


def rehearse(door: Door, files: Sequence[Path], publisher: str, profile: str | None = None) -> Rehearsal:
    """Unpack, group and check these files of one delivery as ingest would; nothing is written but a passing folder.

    ``profile`` is the name of the one that its feed would name.

    Raises DatabaseUnavailable, OSError for a file that cannot be read, and Doubt when a virus scanner is set and
    does not answer.
    """
    files = sorted(files, key=lambda file: file.name)
    publisher = " ".join(publisher.split())
    arrived = Arrived(
        delivery_id="",
        publisher=publisher,
        accepted_on=door.clock(),
        state=DeliveryState.RECEIVED,
        files=tuple(files),
        file_names=tuple(file.name for file in files),
    )
    used = door.profiles.of(publisher, profile)
    if used is None:
        return Rehearsal(DeliveryState.QUARANTINED, (finding("PROFILE_UNKNOWN", name=profile),), ())
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=_passing(door.home)) as folder:
        unpacked = unpack([Delivered(file.name, file) for file in files], Path(folder), door.limits, used)
        found = [*told(used), *unpacked.findings]
        if (verdict := delivery_verdict(found)) is not None:
            return Rehearsal(verdict, tuple(found), ())
        if door.virus_scanner is not None:
            found += checked_for_viruses(door.virus_scanner, unpacked.members).findings
        grouping = group(unpacked, describe, used)
        found += grouping.findings
        if (verdict := delivery_verdict(found)) is not None:
            return Rehearsal(verdict, tuple(found), ())
        articles = []
        for one in judged(door.catalogue, arrived, grouping.sips):
            record = one.sip.record
            outcome, version = ArticleOutcome.REFUSED, None
            if not one.refused and one.identity is not None:
                outcome, version = _fate(door, one.identity, payload_digest(one.sip.members))
            articles.append(
                Foreseen(
                    name=one.sip.name,
                    article_id=one.identity,
                    doi=record.doi if record else None,
                    title=record.title if record else None,
                    outcome=outcome,
                    version=version,
                    files=tuple((member.name, member.bytes) for member in one.sip.members),
                    findings=one.findings,
                )
            )
    refused = sum(article.outcome is ArticleOutcome.REFUSED for article in articles)
    state = DeliveryState.PARTIAL if refused else DeliveryState.ACCEPTED
    return Rehearsal(DeliveryState.QUARANTINED if refused == len(articles) else state, tuple(found), tuple(articles))


def _fate(door: Door, identity: str, digest: str) -> tuple[ArticleOutcome, int]:
    """As the pipeline decides: the bytes of the newest version change nothing, any others are the version after it."""
    with door.catalogue.reading() as session:
        held = holdings.versions_of(session, identity)
    if held and held[0].payload_digest == digest:
        return ArticleOutcome.UNCHANGED, held[0].version
    return ArticleOutcome.ACCEPTED, held[0].version + 1 if held else 1


def _passing(home: Path) -> Path:
    """Where deliveries are unpacked: on the archive's own disk, which has room for them."""
    folder = home / "staging"
    folder.mkdir(exist_ok=True)
    return folder
