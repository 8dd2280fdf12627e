"""The articles of one delivery sealed, put into every store, read back, and only then registered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import structlog

from ingest.door import Door
from ingest.findings import finding
from ingest.inbox import Arrived
from ingest.judging import Checked, kept_line, refused_line
from ingest.retelling import Retelling
from ingest.sealing import files_of_adopted, seal
from ingest.threads import Threads
from repository.bags import payload_digest
from repository.catalogue import Catalogue, changes, deliveries, holdings, links, registration, titles
from repository.catalogue.deliveries import ArticleLine
from repository.catalogue.registration import Entering, Sealed
from repository.errors import Doubt, MahfuzError, ObjectMissing, WouldOverwrite
from repository.preservation import Replication, preserve, read_bag
from repository.vocabulary import NOTICES, ArticleOutcome

_ROUNDS_FOR_A_VERSION = 5
_TOGETHER = 50
"""So many articles at most are registered in one transaction; none waits for the others longer than:"""
_UNTOLD_SECONDS = 2.0

_PATIENCE_SECONDS = 30.0
"""So long a bag of another delivery may lie in the stores without its rows: those beside it are read back first."""
_LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


class UnderWay(Doubt):
    """Another delivery has begun to keep the same article and waits for something: ours is the version after it."""


@dataclass(frozen=True, slots=True)
class _Preserved:
    """One article whose bag lies in every store and was read back from each."""

    checked: Checked
    version: int
    replication: Replication

    @property
    def identity(self) -> str:
        assert self.checked.identity is not None
        return self.checked.identity

    def entering(self) -> Entering:
        """It, as the catalogue is told of it."""
        described = self.checked.sip.described
        assert described is not None
        kept = self.replication
        sealed = Sealed(
            article_id=self.identity,
            version=self.version,
            seal=kept.seal,
            bytes=kept.bytes,
            payload_digest=kept.payload_digest,
            bagging_date=kept.bagging_date,
            files=kept.files,
            verified=kept.verified,
        )
        return Entering(described.record, sealed, described.front)


def keep(door: Door, arrived: Arrived, checked: Sequence[Checked], staging: Path) -> list[ArticleLine]:
    """A line for each article, in the order of the delivery; those without an error are preserved."""
    lines = [refused_line(one) for one in checked if one.refused]
    good = [one for one in checked if not one.refused]
    door.progress(len(lines), len(checked))
    retelling = Retelling(door.stores)
    # Two pools: a task of one waits for tasks of the other, never for one of its own. That one ends last: a bag that is
    # under way when the catalogue falls silent still finds somebody who carries it.
    with (
        Threads(door.parallel * len(door.stores), "store") as copies,
        Threads(door.parallel, "bag") as bags,
    ):
        running: set[Future[ArticleLine | _Preserved]] = set()
        settled: list[ArticleLine | _Preserved] = []
        told = time.monotonic()
        queue = iter(good)
        try:
            while True:
                for one in islice(queue, door.parallel * 2 - len(running)):
                    running.add(bags.submit(_preserved_or_not, door, arrived, one, staging, copies, retelling))
                if not running:  # nor is any left to begin: all that were under way may be done at one look
                    break
                # What is settled is registered in time, however long the others take: another delivery may wait for it.
                done, running = wait(running, _UNTOLD_SECONDS if settled else None, return_when=FIRST_COMPLETED)
                settled += [future.result() for future in done]
                # Together they cost the catalogue little more than one of them alone.
                if len(settled) >= _TOGETHER or time.monotonic() - told > _UNTOLD_SECONDS:
                    lines += _registered(door, arrived, settled)
                    door.progress(len(lines), len(checked))
                    settled, told = [], time.monotonic()
            lines += _registered(door, arrived, settled)
            door.progress(len(lines), len(checked))
        except BaseException:
            for future in running:
                future.cancel()
            raise
    if sorted(line.position for line in lines) != sorted(one.position for one in checked):
        # Never a receipt that is silent about an article: the delivery stays and is taken up again.
        raise RuntimeError(f"{len(checked)} articles were judged and {len(lines)} are told of")
    return sorted(_with_open_links(door.catalogue, checked, lines), key=lambda line: line.position)


def _with_open_links(
    catalogue: Catalogue, checked: Sequence[Checked], lines: Iterable[ArticleLine]
) -> Iterator[ArticleLine]:
    """The lines, with a note where a notice was taken in and the article that it is about is not here yet.

    Asked when all of the delivery is kept, and no part of the bag: it is true today only.
    """
    about = {
        one.position: [each for each in one.sip.record.related if each.type in NOTICES and links.key(each)]
        for one in checked
        if one.sip.record is not None
    }
    with catalogue.reading() as session:
        held = links.held(session, [each for pointers in about.values() for each in pointers])
    for line in lines:
        missing = [each for each in about.get(line.position, ()) if each not in held]
        notes = [finding("RELATED_NOT_HELD", path=line.name, identifier=each.identifier) for each in missing]
        taken = line.outcome is ArticleOutcome.ACCEPTED
        yield replace(line, findings=(*line.findings, *notes)) if taken and notes else line


def _preserved_or_not(
    door: Door, arrived: Arrived, one: Checked, staging: Path, pool: Executor, retelling: Retelling
) -> ArticleLine | _Preserved:
    """:func:`_preserved`; a fault of our own that one article brings to light is told of that article alone."""
    try:
        return _preserved(door, arrived, one, staging, pool, retelling)
    except (MahfuzError, OSError):
        raise
    except Exception as error:
        log.exception("the program fell over an article", path=one.sip.name)
        fault = finding("PROGRAM_FAULT", one.sip.name, one.sip.line, detail=type(error).__name__)
        return refused_line(replace(one, findings=(*one.findings, fault)))


def _preserved(
    door: Door, arrived: Arrived, one: Checked, staging: Path, pool: Executor, retelling: Retelling
) -> ArticleLine | _Preserved:
    """One article sealed, stored and read back, to be registered; or its line, when it is held already or refused."""
    assert one.identity is not None
    assert one.sip.record is not None
    digest = payload_digest(one.sip.members)
    for _ in range(_ROUNDS_FOR_A_VERSION):
        with door.catalogue.reading() as session:
            held = holdings.versions_of(session, one.identity)
            # What came without its PDF says in its bag where the PDF is.
            elsewhere = None if one.sip.pdfs else holdings.latest_pdfs(session, one.identity)
            same = next((each for each in held if each.payload_digest == digest), None)
            ours = same is not None and same.delivery_id == arrived.delivery_id
            told = changes.datestamp_of(session, one.identity, same.version) if same is not None and ours else None
            retold = same is None and held and one.sip.shared
            known = holdings.described_and_filed(session, one.identity, held[0].version) if retold else None
        if same is not None and (ours or same is held[0]):
            return kept_line(one, same.version, ours=ours, datestamp=told)
        if known is not None and retelling.is_the_same(one.sip, one.identity, held[0].version, known):
            return kept_line(
                one,
                held[0].version,
                ours=False,
                datestamp=None,
                detail="the file is new only in what it says of others",
            )
        version = held[0].version + 1 if held else 1
        path = staging / f"{one.identity}-v{version}.tar"
        try:
            bag = seal(path, arrived, one.sip, one.identity, version, door.agent, one.findings, elsewhere)
            replication = preserve(bag, door.stores, door.clock, pool)
            if replication.adopted:
                files = files_of_adopted(path, one.identity, version, replication.files)
                replication = replace(replication, files=files)
        except WouldOverwrite as error:
            if _overtaken(door, arrived, one.identity, version):
                continue  # another delivery of the same article was registered meanwhile: ours is the version after it
            _wait_for_its_delivery(door, arrived, one.identity, version, error)
            refusal = finding("STORE_HOLDS_OTHER", path=one.sip.name, detail=str(error))
            return refused_line(replace(one, findings=(*one.findings, refusal)))
        finally:
            path.unlink(missing_ok=True)
        return _Preserved(one, version, replication)
    raise WouldOverwrite("every store", one.identity, "other deliveries of the same article keep overtaking this one")


def _overtaken(door: Door, arrived: Arrived, identity: str, version: int) -> bool:
    """Whether another delivery has registered this version. Its bag lies in the stores a while before that."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with door.catalogue.reading() as session:
            held = holdings.held(session, identity)
            others = deliveries.under_way(session, besides=arrived.delivery_id)
        if held is not None and held.version >= version:
            return True
        if not others or time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)


def _wait_for_its_delivery(door: Door, arrived: Arrived, identity: str, version: int, held: WouldOverwrite) -> None:
    """Raises UnderWay where the bag that lies there is of a delivery that was paused or killed and is not finished."""
    store = next(store for store in door.stores if store.name == held.store)
    with suppress(ObjectMissing):
        report = read_bag(store, held.key, identity, version)
        brought_by = dict(report.bag_info).get("Delivery-Identifier", "")
        with door.catalogue.reading() as session:
            waits = brought_by != arrived.delivery_id and deliveries.is_unfinished(session, brought_by)
        if waits:
            raise UnderWay(
                f"version {version} of article {identity} is the delivery {brought_by}'s, which is not finished"
            )


def _registered(door: Door, arrived: Arrived, done: Sequence[ArticleLine | _Preserved]) -> list[ArticleLine]:
    """The rows of all that has been read back since the last time, in one transaction; a line for each."""
    lines = [one for one in done if isinstance(one, ArticleLine)]
    kept = [one for one in done if isinstance(one, _Preserved)]
    if not kept:
        return lines
    now = door.clock()
    with door.catalogue.writing() as session:
        publisher = titles.publisher_named(session, arrived.publisher)
        entering = [one.entering() for one in kept]
        articles = registration.register_all(
            session,
            publisher,
            entering,
            at=now,
            agent=door.agent,
            delivery_id=arrived.delivery_id,
            promises=door.promises,
        )
        told = {article.id: article.datestamp for article in articles}
        deliveries.kept(session, arrived.delivery_id, len(articles))
    announced = max(told.values())  # what was entered before, by an attempt that was killed, bears another
    settled = changes.in_time(door.catalogue, announced)
    for one in kept:
        datestamp = settled if told[one.identity] == announced else told[one.identity]
        lines.append(kept_line(one.checked, one.version, ours=True, datestamp=datestamp))
        log.info("preserved", article=one.identity, version=one.version, seal=one.replication.seal)
    return lines
