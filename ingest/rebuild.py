"""The catalogue, written again from the bags alone; receipts, where they survived, say when harvesters were told."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from ingest import begun_anew, inbox, receipts, registering, remembered
from ingest.fronts import front_among, may_describe
from ingest.ledger_tables import TABLES
from ingest.ledger_tables.deliveries import enter_receipt
from ingest.ledger_tables.kept import Kept
from ingest.remembered import Decided, NoticeUnread
from ingest.taking_up import Taken, TakingUp
from repository.bags import BagReport, seal_of
from repository.catalogue import (
    Catalogue,
    copies,
    deliveries,
    disposal_turns,
    disposals,
    holdings,
    registration,
    testimony,
    titles,
)
from repository.catalogue.copies import CopyRef
from repository.catalogue.disposals import Bag
from repository.catalogue.parts import parts
from repository.catalogue.registration import Sealed
from repository.errors import Doubt, ObjectMissing
from repository.notice import parse_notice_key
from repository.preservation import read_bag
from repository.promise import Promises
from repository.storage import Store
from repository.vocabulary import (
    ArticleRecord,
    AuditOutcome,
    EventType,
    PayloadFile,
    bag_key,
    is_housekeeping,
    parse_bag_key,
)

log = structlog.get_logger(__name__)

_BAG, _NOTICE = "bag", "notice"

BATCH = 500
"""Articles, or receipts, of which the catalogue is asked at once what it knows: what is registered costs no more."""


@dataclass(frozen=True, slots=True)
class _Lying:
    """What lies of one article in the stores: version, or number of a notice, to the names of the stores."""

    article: str
    versions: Mapping[int, set[str]]
    notices: Mapping[int, set[str]]


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What a rebuild is given to work with."""

    catalogue: Catalogue
    stores: Sequence[Store]
    """Those whose bags are read; the copies in them count as verified, because they are read to the end."""
    other_stores: Sequence[Store]
    """Those that are only asked what they hold; their copies are unverified and due at once."""
    home: Path
    agent: str
    clock: Callable[[], datetime]
    promises: Promises
    progress: Callable[[int], None] = lambda _done: None
    behind: str = ""
    """Only articles whose id is greater,"""
    most: int | None = None
    """and so many of them at most: for a rehearsal of a sample."""
    tables: Sequence[Kept] = TABLES
    """What ledgers tell besides the events."""


@dataclass
class Rebuilt:
    """What a rebuild did. ``problems`` names every object that could not be entered, and why."""

    ledgers: int = 0
    """Ledgers that were new to the catalogue."""
    events: int = 0
    """Events that stand again as they were told."""
    receipts: int = 0
    articles: int = 0
    """Articles of which a store has anything,"""
    last: str = ""
    """and the greatest id among them."""
    aips: int = 0
    already: int = 0
    disposed: int = 0
    """Versions that two people gave up: entered as tombstones."""
    copies: int = 0
    damaged_copies: int = 0
    missing_copies: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    doubts: int = 0

    def tell(self, taken: Taken) -> None:
        """What was taken up from ledgers."""
        self.ledgers, self.events = taken.ledgers, taken.events
        self.problems += taken.problems
        self.doubts += taken.doubts

    @property
    def exit_status(self) -> int:
        """0: everything found was entered; 1: some objects are no good bags; 3: a store did not answer for all."""
        return 3 if self.doubts else 1 if self.problems or self.damaged_copies or self.missing_copies else 0


def rebuild(work: Rebuilding) -> Rebuilt:
    """Enter every bag that lies in the stores. What is registered already stays as it is, so it can be run again.

    One that was killed goes on where it was: of what it had registered no bag is read, and the catalogue is asked for
    some hundred articles at once. Afterwards each article, version, file and copy is as it was, with the datestamp of
    its receipt, or of its Bagging-Date where there is no receipt. Raises StoreUnavailable when a store cannot be
    listed at all.
    """
    done = Rebuilt()
    everywhere = (*work.stores, *work.other_stores)
    with TakingUp(work.catalogue, everywhere, work.home, work.clock, work.tables) as taking_up:
        taking_up.before_bags()
        done.tell(taking_up.taken)
        begun_anew.declare(work.catalogue, everywhere, work.home, work.agent, work.clock, ledger=taking_up.taken.newest)
        _enter_holdings(work, done)
        taking_up.after_bags()
    return done


def _enter_holdings(work: Rebuilding, done: Rebuilt) -> None:
    """What receipts, kept deliveries and bags say."""
    for some in parts(receipts.all_kept(work.home), BATCH):
        _enter_receipts(work, some)
        done.receipts += len(some)
    inbox.reenter(work.catalogue, work.home)
    for lying in parts(islice(_lying(work, done), work.most), BATCH):
        with work.catalogue.reading() as session:
            known = holdings.versions_among(session, [one.article for one in lying])
        done.articles, done.last = done.articles + len(lying), lying[-1].article
        for one in lying:
            _enter_article(work, done, one, known.get(one.article, ()))
            work.progress(done.aips + done.already)


def _enter_article(work: Rebuilding, done: Rebuilt, lying: _Lying, known: Collection[int]) -> None:
    """Every version of one article, the first first, and what was decided about it; neither without the other."""
    article, versions = lying.article, lying.versions
    if not lying.notices and versions.keys() <= set(known):
        done.already += len(versions)
        return
    try:
        decided = remembered.read(article, lying.notices, versions, (*work.stores, *work.other_stores), done.problems)
    except NoticeUnread as unread:
        done.doubts += unread.doubt
        told = f"{unread.told}; the article is not entered: whether it may be shown is not known"
        done.problems.append({"store": "every store", "key": unread.key, "problem": told})
        return
    for version in sorted({*versions, *decided.given_up}):
        if version in known:
            done.already += 1
            _remember(work, article, version, decided)
        elif version in versions:
            _enter_bag(work, done, article, version, decided)
        else:
            _enter_given_up(work, done, article, version, decided)


def _remember(work: Rebuilding, article: str, version: int, decided: Decided) -> None:
    """What was decided takes effect on a version that is registered: in a catalogue restored from before, it is new."""
    if not decided.notices:
        return
    now = work.clock()
    with work.catalogue.writing() as session:
        aip = holdings.aip_version(session, article, version)
        gone_before = aip is None or disposals.is_gone(session, aip.id)
        if aip is not None:
            for store in decided.given_up_in(version):
                copies.give_up(session, [(aip.id, aip.bytes)], store, now)
            if not gone_before:
                disposal_turns.count_gone(session, [Bag(aip.id, version, aip.seal, aip.bytes)])
        remembered.enter(session, article, decided, at=now, agent=work.agent)


def _lying(work: Rebuilding, done: Rebuilt) -> Iterator[_Lying]:
    """Every article of which a store has anything, in the order of their ids."""
    for article, found in groupby(_found(work, done), key=lambda one: one[0]):
        versions: dict[int, set[str]] = {}
        numbers: dict[int, set[str]] = {}
        for _, kind, number, store in found:
            (numbers if kind == _NOTICE else versions).setdefault(number, set()).add(store)
        yield _Lying(article, versions, numbers)


def _found(work: Rebuilding, done: Rebuilt) -> Iterator[tuple[str, str, int, str]]:
    """``(article, bag or notice, number, store)`` of every object: a merge of the sorted listings, constant memory."""

    def listed(store: Store) -> Iterator[tuple[str, str, int, str]]:
        for item in store.keys(after=_behind(work.behind)):
            if (bag := parse_bag_key(item.key)) is not None:
                yield bag[0], _BAG, bag[1], store.name
            elif (notice := parse_notice_key(item.key)) is not None:
                yield notice[0], _NOTICE, notice[1], store.name
            elif not is_housekeeping(item.key):
                done.problems.append({"store": store.name, "key": item.key, "problem": "not the key of a bag"})

    yield from heapq.merge(*(listed(store) for store in (*work.stores, *work.other_stores)), key=lambda found: found[0])


def _behind(article: str) -> str:
    """A key that is greater than every key of ``article``, and smaller than all of the next one."""
    return f"{article[0:2]}/{article[2:4]}/{article}/~" if article else ""


def _enter_bag(work: Rebuilding, done: Rebuilt, article: str, version: int, decided: Decided) -> None:
    where, given_up = set(decided.present[version]), decided.given_up_in(version)
    key = bag_key(article, version)
    reports, unread = _read_everywhere(work, done, article, version, where)
    good = next((report for report in reports.values() if report.valid), None)
    if good is None:
        for store, report in reports.items():
            codes = ", ".join(sorted({found.code for found in report.findings}))
            done.problems.append({"store": store, "key": key, "problem": f"not a valid bag of ours: {codes}"})
        return
    seal = good.seal
    now = work.clock()
    info, record = dict(good.bag_info), registering.record_in(good)
    expected = {store.name for store in (*work.stores, *work.other_stores)}
    verified = {store: now if store in reports and reports[store].seal == seal else None for store in sorted(expected)}
    with work.catalogue.writing() as session:
        known = deliveries.find(session, info.get("Delivery-Identifier", ""))
        registration.register(
            session,
            titles.publisher_named(session, registering.publisher_in(good)),
            record,
            registering.sealed_in(good, article, version, verified),
            at=now,
            agent=work.agent,
            delivery_id=known.id if known else None,
            promises=work.promises,
            front=front_among(good.held, record),
            kind=_kind(session, article, version),
            datestamp=_datestamp(session, known.id if known else "", article, version, info["Bagging-Date"]),
        )
        aip = holdings.aip_version(session, article, version)
        assert aip is not None
        for store in sorted(expected):
            ref = CopyRef(aip.id, store, article, version, seal, good.bytes)
            if store in reports and reports[store].seal != seal:
                copies.record(session, ref, AuditOutcome.DAMAGED, at=now, next_due=now)
                done.damaged_copies += 1
            elif store in given_up:
                copies.give_up(session, [(aip.id, good.bytes)], store, now)
            elif store not in where:
                copies.record(session, ref, AuditOutcome.MISSING, at=now, next_due=now)
                done.missing_copies += 1
            elif store in unread:
                copies.record(session, ref, AuditOutcome.UNREADABLE, at=now, next_due=now)
        remembered.enter(session, article, decided, at=now, agent=work.agent)
    done.aips += 1
    done.copies += sum(moment is not None for moment in verified.values())
    log.info("rebuilt", article=article, version=version, seal=seal)


def _enter_given_up(work: Rebuilding, done: Rebuilt, article: str, version: int, decided: Decided) -> None:
    """A version that no store has any more, as its tombstone: all that the notice of its disposal knows of it."""
    notice, bag = decided.given_up[version]
    now, stores = work.clock(), notice.about["stores"]
    with work.catalogue.writing() as session:
        known = deliveries.find(session, bag["delivery"] or "")
        registration.register(
            session,
            titles.publisher_named(session, notice.about["publisher"]),
            ArticleRecord.from_json(notice.about["record"]),
            Sealed(
                article_id=article,
                version=version,
                seal=bag["seal"],
                bytes=bag["bytes"],
                payload_digest=bag["payload_digest"],
                bagging_date=bag["bagging_date"],
                files=tuple(PayloadFile(*file) for file in bag["files"]),
                verified=dict.fromkeys(stores),
            ),
            at=now,
            agent=work.agent,
            delivery_id=known.id if known else None,
            promises=work.promises,
            kind=_kind(session, article, version),
            datestamp=_datestamp(session, known.id if known else "", article, version, bag["bagging_date"]),
        )
        aip = holdings.aip_version(session, article, version)
        assert aip is not None
        for store in stores:
            copies.give_up(session, [(aip.id, bag["bytes"])], store, now)
        disposal_turns.count_gone(session, [Bag(aip.id, version, bag["seal"], bag["bytes"])])
        remembered.enter(session, article, decided, at=now, agent=work.agent)
    done.disposed += 1
    log.info("rebuilt as a tombstone", article=article, version=version, seal=bag["seal"])


def _read_everywhere(
    work: Rebuilding, done: Rebuilt, article: str, version: int, where: set[str]
) -> tuple[Mapping[str, BagReport], set[str]]:
    """The report of each readable copy, read in full; and the stores that did not answer for theirs.

    Once one copy has proved to be a valid bag, the others need only have the same seal.
    """
    key = bag_key(article, version)
    reports: dict[str, BagReport] = {}
    unread: set[str] = set()
    good: BagReport | None = None
    for store in work.stores:
        if store.name not in where:
            continue
        try:
            if good is not None:
                with store.open(key) as stream:
                    if seal_of(stream)[0] == good.seal:
                        reports[store.name] = good
                        continue
            report = read_bag(store, key, article, version, may_describe)
        except ObjectMissing:
            where.discard(store.name)
            continue
        except Doubt as error:
            unread.add(store.name)
            done.doubts += 1
            done.problems.append({"store": store.name, "key": key, "problem": str(error)})
            continue
        reports[store.name] = report
        if report.valid and good is None:
            good = report
    return reports, unread


def _enter_receipts(work: Rebuilding, some: Sequence[receipts.Receipt]) -> None:
    """Those that the catalogue does not know, or knows otherwise; the others cost one question together."""
    with work.catalogue.reading() as session:
        known = deliveries.states_of(session, [receipt.delivery_id for receipt in some])
    for receipt in some:
        if known.get(receipt.delivery_id) == receipt.state:
            continue
        with work.catalogue.writing() as session:
            enter_receipt(session, receipt)


def _datestamp(session: Session, delivery: str, article: str, version: int, day: str) -> datetime:
    told = deliveries.datestamp_of(session, delivery, article, version)
    return told or datetime.fromisoformat(day).replace(tzinfo=UTC)


def _kind(session: Session, article: str, version: int) -> EventType:
    """What entering it is: an ingestion is told once, and what a ledger tells of it stands already."""
    told = testimony.is_told(session, EventType.INGESTION, article, version)
    return EventType.VALIDATION if told else EventType.INGESTION
