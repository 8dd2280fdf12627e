"""How a deposit stands, in the archive's words and in those that the PKP PN plugin of OJS understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest import receipts
from ingest.deposits import Collection
from ingest.feeds.pln import Entries, entry_name, package_name
from ingest.feeds.pln_entry import Entry, read_entry
from ingest.receipts import Receipt, Statement
from repository.catalogue import Catalogue, deliveries, feeds
from repository.vocabulary import DeliveryState, Finding, Level, Stage, utc_now

_FOR_US = frozenset(("SET_ASIDE", "STORE_HOLDS_OTHER", "VIRUS_NOT_SCANNED"))
"""Errors at which nothing is asked of the one who deposits."""
_OF_A_CODE = (
    ("virus-error", ("VIRUS_",)),
    ("xml-error", ("XML_", "FORMAT_", "METADATA_")),
    (
        "bag-error",
        ("ARCHIVE_", "MANIFEST_", "CHECKSUM_", "SET_", "PATH_", "LINK_", "DUPLICATE_MEMBER", "EMPTY_PACKAGE"),
    ),
)
_OF_A_STAGE = {Stage.CHECKING: "bag-validated", Stage.KEEPING: "xml-validated"}


class Own(StrEnum):
    """How a deposit stands, in the archive's words."""

    RECEIVED = "received"
    HARVESTED = "harvested"
    VALIDATED = "validated"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Deposit:
    """How one deposit stands. ``processing`` and ``network`` are the words that the PKP PN plugin of OJS knows."""

    own: Own
    processing: str
    network: str = ""
    problem: str | None = None
    """Why its package could not be fetched the last time."""
    given_up: bool = False
    """Whether it is fetched again only when it is sent again."""
    errors: tuple[Finding, ...] = ()
    statement: Statement | None = None
    entry: Entry | None = None
    at: datetime | None = None


def standing(
    collection: Collection, catalogue: Catalogue, journal: str, deposit: str, archive: Mapping[str, str], stores: int
) -> Deposit | None:
    """How the deposit stands now, None when there is none. Raises DatabaseUnavailable.

    ``archive`` and ``stores`` are those of :func:`ingest.receipts.statement`.
    """
    received = Entries(collection.folder).find(journal, deposit)
    entry = read_entry(received[1], entry_name(journal, deposit)) if received else None
    with catalogue.reading() as session:
        item = feeds.item(session, collection.feed.name, package_name(journal, deposit))
        at = received[0].modified if received else item.modified if item else None
        if received is not None and (item is None or item.version != received[0].version):
            return Deposit(Own.RECEIVED, "depositedByJournal", entry=entry, at=at)
        if item is None:
            return None
        delivery = deliveries.find(session, item.delivery_id) if item.delivery_id else None
        if item.state != feeds.FETCHED or delivery is None:
            waits = "harvest-error" if item.problem else "depositedByJournal"
            given_up = item.state == feeds.FAILED
            return Deposit(Own.RECEIVED, waits, problem=item.problem, given_up=given_up, entry=entry, at=at)
        receipt = receipts.of_delivery(session, delivery.id)
        stated = receipts.statement(session, receipt, archive, stores, utc_now())
        stage = Stage(delivery.stage) if delivery.stage else None
    own, processing, network = _judged(stated, stage)
    return Deposit(own, processing, network, errors=_errors(receipt), statement=stated, entry=entry, at=at)


def _judged(stated: Statement, stage: Stage | None) -> tuple[Own, str, str]:
    """A deposit whose package is here. ``agreement`` is said of whole copies in every store, and of nothing less."""
    receipt = stated.receipt
    if receipt.state is DeliveryState.RECEIVED:
        if stage in _OF_A_STAGE:
            return Own.VALIDATED if stage is Stage.KEEPING else Own.HARVESTED, _OF_A_STAGE[stage], ""
        return Own.HARVESTED, "harvested", ""
    if receipt.state is DeliveryState.ACCEPTED:
        return Own.KEPT, "deposited", "agreement" if stated.safe else "inProgress"
    codes = [found.code for found in _errors(receipt)]
    if codes and all(code in _FOR_US for code in codes):
        return Own.HARVESTED, "harvested", ""
    return Own.REFUSED, _error_of(codes), ""


def _error_of(codes: Iterable[str]) -> str:
    """The plugin's word for the first error that it has a word for."""
    for word, beginnings in _OF_A_CODE:
        if any(code.startswith(beginnings) for code in codes):
            return word
    return "payload-error"


def _errors(receipt: Receipt) -> tuple[Finding, ...]:
    found = [*receipt.findings, *(each for line in receipt.articles for each in line.findings)]
    return tuple(each for each in found if each.level is Level.ERROR)
