"""The whole story of ingest, in order: a kept delivery in, preserved articles and a receipt out.

Every step may be killed and done again: what is derived from the bytes comes out the same, a
bag that was put and not registered is found and adopted, and a delivery is finished last of all.
"""

from __future__ import annotations

import ctypes
import fcntl
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from ingest import completeness, pauses, receipts
from ingest.checks import ArticleContext, check_article, check_names
from ingest.dialects import describe
from ingest.findings import delivery_verdict, finding, refuses_article
from ingest.inbox import Arrived
from ingest.profiles import Profiles, told
from ingest.quarantine import MOST_DEATHS, waived
from ingest.receipts import Receipt
from ingest.retelling import Retelling
from ingest.sealing import files_of_adopted, seal
from ingest.sips import Grouping, Sip, group
from ingest.unpack import Delivered, Limits, unpack
from ingest.virus import Clamd, checked_for_viruses
from repository.bags import payload_digest
from repository.catalogue import Catalogue, changes, decisions, deliveries, holdings, links, titles
from repository.catalogue.deliveries import ArticleLine
from repository.catalogue.holdings import Entering, Held, Sealed
from repository.catalogue.identity import resolved
from repository.errors import Doubt, MahfuzError, WouldOverwrite
from repository.preservation import Replication, preserve
from repository.storage import Store
from repository.turkish import machine_lower
from repository.vocabulary import (
    NOTICES,
    ArticleOutcome,
    ArticleRecord,
    DeliveryState,
    Finding,
    Stage,
)

_ROUNDS_FOR_A_VERSION = 5
_TOGETHER = 50
"""So many articles at most are registered in one transaction; none waits for the others longer than:"""
_UNTOLD_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """What ingest is given to work with; it reads no settings of its own."""

    catalogue: Catalogue
    stores: Sequence[Store]
    """In the order of the settings; every bag goes into all of them."""
    home: Path
    agent: str
    clock: Callable[[], datetime]
    first_due: Callable[[str, int, str, datetime], datetime]
    """``(article id, version, store, now)`` to the day on which that copy is first read again."""
    limits: Limits
    parallel: int = 4
    """So many articles of one delivery at once."""
    processes: int = 1
    """So many deliveries of one command at once, see :mod:`ingest.workers`."""
    profiles: Profiles = Profiles()  # noqa: RUF009 (frozen)
    virus_scanner: Clamd | None = None
    """What every unpacked member is shown to before it is looked at; None: nothing is scanned."""
    progress: Callable[[int, int], None] = lambda _done, _of: None


@dataclass(frozen=True, slots=True)
class _Checked:
    """One article as it stands after all checks: refused, or ready with its id."""

    position: int
    sip: Sip
    identity: str | None
    held: Held | None
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return refuses_article(self.findings)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A delivery looked through: its articles by their files, and checked; no grouping when it is unusable."""

    found: list[Finding]
    arrived: Arrived
    grouping: Grouping | None = None
    checked: Sequence[_Checked] = ()


@dataclass(frozen=True, slots=True)
class _Preserved:
    """One article whose bag lies in every store and was read back from each."""

    checked: _Checked
    version: int
    replication: Replication

    @property
    def identity(self) -> str:
        assert self.checked.identity is not None
        return self.checked.identity

    def entering(self, door: Door, now: datetime) -> Entering:
        """It, as the catalogue is told of it."""
        assert self.checked.sip.record is not None
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
        due = {store: door.first_due(self.identity, self.version, store, now) for store in kept.verified}
        return Entering(self.checked.sip.record, sealed, due)


def ingest(door: Door, arrived: Arrived) -> Receipt:
    """Take in one delivery whose bytes are kept; its receipt, which lies in ``home/receipts`` afterwards.

    The same delivery again: finished and accepted before, nothing is changed; interrupted or
    refused before, it is tried again from its bytes. One bad article never stops the others.
    Raises StoreUnavailable or DatabaseUnavailable, OSError when our own disk fails: the delivery stays
    RECEIVED, says what holds it up, and is taken up again.
    """
    with _alone(door.home, arrived.delivery_id):
        known = _finished_before(door, arrived)
        if known is not None:
            return known
        staging = door.home / "staging" / arrived.delivery_id
        try:
            pauses.told(door.catalogue, door.home)
            with door.catalogue.writing() as session:
                deliveries.begin(session, arrived.delivery_id)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            return _finish(door, arrived, *_taken_in(door, arrived, staging))
        except (Doubt, OSError) as error:
            shutil.rmtree(staging, ignore_errors=True)  # on a full disk it makes the room that the note needs
            pauses.pause(door.catalogue, door.home, arrived.delivery_id, pauses.reason_of(error))
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            _give_memory_back()


def resume(door: Door, kept: Callable[[str], Arrived]) -> Iterator[Receipt]:
    """Take up every delivery that was interrupted, the oldest first.

    One in whose attempts the program fell again and again without keeping an article is set aside; one at which
    it stumbles now, or for which our disk has no room, is left for the next pass. None of them stops the others.
    Raises what ingest raises: a Doubt at once, since it would meet the others too, an OSError at the end.
    """
    pauses.told(door.catalogue, door.home)
    with door.catalogue.reading() as session:
        waiting = deliveries.unfinished(session)
    trouble: OSError | None = None
    for identifier, fallen in waiting:
        arrived = kept(identifier)
        if fallen >= MOST_DEATHS:
            yield _finish(door, arrived, [finding("SET_ASIDE", times=fallen)], [], True)
            continue
        try:
            receipt = ingest(door, arrived)
        except MahfuzError:
            raise
        except OSError as error:
            trouble = trouble or error
        except Exception:
            log.exception("the program fell over a delivery", delivery=identifier)
        else:
            yield receipt
    if trouble is not None:
        raise trouble


def _taken_in(door: Door, arrived: Arrived, staging: Path) -> tuple[list[Finding], list[ArticleLine], bool]:
    """What was found of the delivery, a line for each article, and whether nothing of it can be used at all."""
    try:
        opened = _looked_through(door, arrived, staging)
    except (MahfuzError, OSError):
        raise
    except Exception as error:
        log.exception("the program fell over a delivery", delivery=arrived.delivery_id)
        return [finding("PROGRAM_FAULT", detail=type(error).__name__)], [], True
    if opened.grouping is None:
        return opened.found, [], True
    lines = _kept(door, opened.arrived, opened.checked, staging)
    _note_contents(door, arrived, opened.grouping)
    return opened.found, lines, False


def _note_contents(door: Door, arrived: Arrived, grouping: Grouping) -> None:
    """What the delivery's own tables of contents say should exist. No fault in one keeps an article out."""
    if not grouping.contents:
        return
    try:
        with door.catalogue.writing() as session:
            completeness.take_note(session, arrived.delivery_id, grouping.contents, grouping.sips)
    except (MahfuzError, OSError):
        raise
    except Exception:
        log.exception("the program fell over a table of contents", delivery=arrived.delivery_id)


def _looked_through(door: Door, arrived: Arrived, staging: Path) -> _Opened:
    """The delivery unpacked, scanned, divided into articles and checked."""
    profile = door.profiles.of(arrived.publisher, arrived.profile)
    if profile is None:
        return _Opened([finding("PROFILE_UNKNOWN", name=arrived.profile)], arrived)
    raw_names = arrived.raw_names or (None,) * len(arrived.files)
    files = list(map(Delivered, arrived.file_names, arrived.files, raw_names))
    unpacked = unpack(files, staging, door.limits, profile)
    found = [*told(profile), *unpacked.findings]
    if delivery_verdict(found):
        return _Opened(found, arrived)
    if door.virus_scanner is not None:
        scanned = checked_for_viruses(door.virus_scanner, unpacked.members)
        found += scanned.findings
        if delivery_verdict(found):
            return _Opened(found, arrived)
        arrived = replace(arrived, virus_check=scanned.note)
    grouping = group(unpacked, describe, profile)
    found += grouping.findings
    if delivery_verdict(found):
        return _Opened(found, arrived)
    return _Opened(found, arrived, grouping, _checked(door, arrived, grouping.sips))


def _checked(door: Door, arrived: Arrived, sips: Sequence[Sip]) -> list[_Checked]:
    """Every article with all its findings at once."""
    with door.catalogue.writing() as session:
        deliveries.reached(session, arrived.delivery_id, Stage.CHECKING, 0, len(sips))
    return judged(door.catalogue, arrived, sips)


def judged(catalogue: Catalogue, arrived: Arrived, sips: Sequence[Sip]) -> list[_Checked]:
    """What all checks say of each article; only reads."""
    checked = []
    with catalogue.reading() as session:
        publisher = titles.find_publisher(session, arrived.publisher)
        released = decisions.released(session, arrived.delivery_id)
        identities = [_identity(session, sip.record) for sip in sips]
        times = Counter(identity for identity in identities if identity)
        all_held = holdings.held_of(session, list(times))
        for position, (sip, identity) in enumerate(zip(sips, identities, strict=True), start=1):
            found = [*sip.findings, *check_names(member.name for member in sip.members)]
            held = all_held.get(identity) if identity else None
            if sip.described is not None:
                record = sip.described.record
                agreed = publisher is None or titles.is_agreed(session, publisher, record.issns, arrived.accepted_on)
                found += _found_by_checks(
                    ArticleContext(
                        record=record,
                        path=sip.name,
                        line=sip.line,
                        pdfs=tuple((pdf.name, pdf.source) for pdf in sip.pdfs),
                        pdf_names=sip.described.pdf_names,
                        held=held is not None and held.has_pdf,
                        agreed=agreed,
                        full_text=sip.described.full_text,
                        ambiguous_pdf=any(one.code == "PDF_AMBIGUOUS" for one in sip.findings),
                        lines=sip.described.lines,
                    )
                )
            if identity and times[identity] > 1:
                found.append(finding("DUPLICATE_DOI", path=sip.name, line=sip.line, doi=_doi(sip) or "(none)"))
            found = waived(found, released, sip.name, sip.line)
            checked.append(_Checked(position, sip, identity, held, tuple(found)))
    return checked


def _found_by_checks(context: ArticleContext) -> list[Finding]:
    try:
        return check_article(context)
    except (MahfuzError, OSError):
        raise
    except Exception as error:
        log.exception("the program fell over an article", path=context.path)
        return [context.about("PROGRAM_FAULT", detail=type(error).__name__)]


def _kept(door: Door, arrived: Arrived, checked: Sequence[_Checked], staging: Path) -> list[ArticleLine]:
    """A line for each article, in the order of the delivery; those without an error are preserved."""
    lines = [_refused(one) for one in checked if one.refused]
    good = [one for one in checked if not one.refused]
    door.progress(len(lines), len(checked))
    retelling = Retelling(door.stores)
    # Two pools: a task of the first waits for tasks of the second, never for one of its own.
    with (
        ThreadPoolExecutor(door.parallel, "bag") as bags,
        ThreadPoolExecutor(door.parallel * len(door.stores), "store") as copies,
    ):
        running: set[Future[ArticleLine | _Preserved]] = set()
        settled: list[ArticleLine | _Preserved] = []
        told = time.monotonic()
        queue = iter(good)
        try:
            while True:
                for one in queue:
                    running.add(bags.submit(_preserved_or_not, door, arrived, one, staging, copies, retelling))
                    if len(running) >= door.parallel * 2:
                        break
                if running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    settled += [future.result() for future in done]
                # Together they cost the catalogue little more than one of them alone.
                if not running or len(settled) >= _TOGETHER or time.monotonic() - told > _UNTOLD_SECONDS:
                    lines += _registered(door, arrived, settled)
                    door.progress(len(lines), len(checked))
                    settled, told = [], time.monotonic()
                if not running:
                    break
        except BaseException:
            for future in running:
                future.cancel()
            raise
    return sorted(_with_open_links(door.catalogue, checked, lines), key=lambda line: line.position)


def _with_open_links(
    catalogue: Catalogue, checked: Sequence[_Checked], lines: Iterable[ArticleLine]
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
    door: Door, arrived: Arrived, one: _Checked, staging: Path, pool: Executor, retelling: Retelling
) -> ArticleLine | _Preserved:
    """:func:`_preserved`; a fault of our own that one article brings to light is told of that article alone."""
    try:
        return _preserved(door, arrived, one, staging, pool, retelling)
    except (MahfuzError, OSError):
        raise
    except Exception as error:
        log.exception("the program fell over an article", delivery=arrived.delivery_id, path=one.sip.name)
        fault = finding("PROGRAM_FAULT", one.sip.name, one.sip.line, detail=type(error).__name__)
        return _refused(replace(one, findings=(*one.findings, fault)))


def _preserved(
    door: Door, arrived: Arrived, one: _Checked, staging: Path, pool: Executor, retelling: Retelling
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
            return _line(one, same.version, ours=ours, datestamp=told)
        if known is not None and retelling.is_the_same(one.sip, one.identity, held[0].version, known):
            return _line(
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
            with door.catalogue.reading() as session:
                now_held = holdings.held(session, one.identity)
            if now_held is not None and now_held.version >= version:
                continue  # another delivery of the same article was registered meanwhile: ours is the version after it
            refusal = finding("STORE_HOLDS_OTHER", path=one.sip.name, detail=str(error))
            return _refused(replace(one, findings=(*one.findings, refusal)))
        finally:
            path.unlink(missing_ok=True)
        return _Preserved(one, version, replication)
    raise WouldOverwrite("every store", one.identity, "other deliveries of the same article keep overtaking this one")


def _registered(door: Door, arrived: Arrived, done: Sequence[ArticleLine | _Preserved]) -> list[ArticleLine]:
    """The rows of all that has been read back since the last time, in one transaction; a line for each."""
    lines = [one for one in done if isinstance(one, ArticleLine)]
    kept = [one for one in done if isinstance(one, _Preserved)]
    if not kept:
        return lines
    now = door.clock()
    with door.catalogue.writing() as session:
        publisher = titles.publisher_named(session, arrived.publisher)
        entering = [one.entering(door, now) for one in kept]
        articles = holdings.register_all(
            session, publisher, entering, at=now, agent=door.agent, delivery_id=arrived.delivery_id
        )
        told = [article.datestamp for article in articles]
        deliveries.kept(session, arrived.delivery_id, len(articles))
    late = _overtaken(door.catalogue, min(told))  # of one commit: when the earliest is in time, all are
    for one, first in zip(kept, told, strict=True):
        datestamp = _announced_in_time(door.catalogue, one, first) if late else first
        lines.append(_line(one.checked, one.version, ours=True, datestamp=datestamp))
        log.info("preserved", article=one.identity, version=one.version, seal=one.replication.seal)
    return lines


def _announced_in_time(catalogue: Catalogue, one: _Preserved, datestamp: datetime) -> datetime:
    """The article's datestamp, announced again while the clock had reached it before its commit was done.

    An article of which it is a notice was announced with it, and is again.
    """
    assert one.checked.sip.record is not None
    while _overtaken(catalogue, datestamp):
        with catalogue.writing() as session:
            about = links.told_of(session, {one.identity: one.checked.sip.record})
            again = changes.restamp(session, one.identity, datestamp, about)
        if again is None:
            break  # a later change of the same article has been announced since
        datestamp = again
    return datestamp


def _overtaken(catalogue: Catalogue, datestamp: datetime) -> bool:
    """Whether the clock had reached ``datestamp`` before its commit was done: a harvester may have gone past it."""
    with catalogue.reading() as session:
        return changes.now(session) >= datestamp


def _finish(
    door: Door, arrived: Arrived, found: Sequence[Finding], lines: Sequence[ArticleLine], unusable: bool
) -> Receipt:
    """The receipt, kept as a file first and then told to the catalogue."""
    refused = sum(line.outcome is ArticleOutcome.REFUSED for line in lines)
    if unusable:
        state = delivery_verdict(found) or DeliveryState.REFUSED
    elif not lines or refused == len(lines):
        state = DeliveryState.QUARANTINED
    else:
        state = DeliveryState.PARTIAL if refused else DeliveryState.ACCEPTED
    with door.catalogue.reading() as session:
        delivery = deliveries.known(session, arrived.delivery_id)
    receipt = Receipt(
        delivery_id=arrived.delivery_id,
        publisher=arrived.publisher,
        file_names=arrived.file_names,
        sha256=delivery.sha256,
        bytes=delivery.bytes,
        accepted_on=arrived.accepted_on,
        finished_at=door.clock().replace(microsecond=0),
        state=state,
        findings=tuple(found),
        articles=tuple(lines),
    )
    receipts.write(door.home, receipt)
    assert receipt.finished_at is not None
    with door.catalogue.writing() as session:
        deliveries.finish(session, arrived.delivery_id, state, found, lines, receipt.finished_at)
    log.info("delivery finished", delivery=arrived.delivery_id, state=state, articles=len(lines), refused=refused)
    return receipt


def _finished_before(door: Door, arrived: Arrived) -> Receipt | None:
    with door.catalogue.reading() as session:
        delivery = deliveries.known(session, arrived.delivery_id)
        if delivery.state != DeliveryState.ACCEPTED:
            return None
        return Receipt(
            delivery_id=delivery.id,
            publisher=arrived.publisher,
            file_names=tuple(delivery.file_names),
            sha256=delivery.sha256,
            bytes=delivery.bytes,
            accepted_on=delivery.accepted_on,
            finished_at=delivery.finished_at,
            state=DeliveryState.ACCEPTED,
            findings=(*map(Finding.from_json, delivery.findings), finding("DUPLICATE_NO_CHANGE")),
            articles=tuple(deliveries.lines_of(session, delivery.id)),
            repeated=True,
        )


def _identity(session: Session, record: ArticleRecord | None) -> str | None:
    try:
        return resolved(session, record) if record is not None else None
    except ValueError:
        return None


def _doi(sip: Sip) -> str | None:
    return machine_lower(sip.record.doi) if sip.record is not None and sip.record.doi else None


def _refused(one: _Checked) -> ArticleLine:
    return ArticleLine(
        position=one.position,
        name=one.sip.name,
        article_id=one.identity,
        doi=one.sip.record.doi if one.sip.record else None,
        title=one.sip.record.title if one.sip.record else None,
        version=None,
        outcome=ArticleOutcome.REFUSED,
        findings=one.findings,
    )


def _line(
    one: _Checked, version: int, *, ours: bool, datestamp: datetime | None, detail: str | None = None
) -> ArticleLine:
    """The receipt's line of an article that is kept; ``ours`` when this delivery brought the version."""
    found = list(one.findings)
    if not ours:
        found.append(finding("DUPLICATE_NO_CHANGE", path=one.sip.name, detail=detail))
    elif version > 1:
        found.append(finding("NEW_VERSION", path=one.sip.name))
    return replace(
        _refused(one),
        version=version,
        outcome=ArticleOutcome.ACCEPTED if ours else ArticleOutcome.UNCHANGED,
        findings=tuple(found),
        datestamp=datestamp,
    )


def _give_memory_back() -> None:
    """What a large XML had taken goes to the system, where the C library would keep it for the next one (glibc)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


@contextmanager
def _alone(home: Path, delivery_id: str) -> Iterator[None]:
    """One process at a time works on one delivery of this home; a second waits and then finds it done."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{delivery_id}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
