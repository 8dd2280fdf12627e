"""A delivery gone through without keeping any of it: what would become of each article, and why."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.door import Door
from ingest.inbox import Arrived
from ingest.judging import judged
from ingest.looking import end_state, look_through
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
    arrived = Arrived(
        delivery_id="",
        publisher=" ".join(publisher.split()),
        accepted_on=door.clock(),
        state=DeliveryState.RECEIVED,
        files=tuple(files),
        file_names=tuple(file.name for file in files),
        profile=profile,
    )
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=_passing(door.home)) as folder:
        looked = look_through(door, arrived, Path(folder))
        if looked.grouping is None:
            return Rehearsal(end_state(looked.found, None), tuple(looked.found), ())
        articles = []
        for one in judged(door.catalogue, arrived, looked.grouping.sips):
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
    state = end_state(looked.found, [article.outcome for article in articles])
    return Rehearsal(state, tuple(looked.found), tuple(articles))


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
