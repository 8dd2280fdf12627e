"""An inventory: what a store lists beside what the catalogue says, both in the order of their keys, each once.

It reads no bag. That an object is absent or too short in a listing is no knowledge of its bytes: such a copy is made
due at once, and the audit, which asks by GET and HEAD, says what it is and has it mended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fixity.budget import Budget
from fixity.watch import Watch
from repository.catalogue import inventories, watch
from repository.catalogue.inventories import Expected, Found, Going
from repository.errors import Doubt, ObjectMissing
from repository.notice import parse_notice_key
from repository.storage import Store, StoredObject, Unfinished
from repository.vocabulary import DifferenceKind, bag_name, is_housekeeping, parse_bag_key, parse_bag_name

BATCH = 1_000
"""Objects compared between two short transactions."""

ARRIVING = timedelta(days=1)
"""Bytes come before rows: a bag without a row that is younger belongs to a delivery that is being taken in."""

STALE = timedelta(days=2)
"""An inventory that began longer ago is not gone on with."""

LISTED = 10_000
"""Differences of one kind that are listed one by one; all are counted."""

EMPTIED = 1_000
"""So many absent copies before the first that is there: the store was emptied or exchanged."""

_HEADER = 512
_PAGE = 1_000
"""Keys that an S3 server lists in one answer."""


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What one inventory of one store found. ``complete`` is false where it stopped early: then nothing follows."""

    store: str
    copies: int
    objects: int
    bytes: int
    arriving: int
    found: Mapping[str, int]
    seconds: float
    complete: bool
    held_up: str | None = None

    @property
    def exit_status(self) -> int:
        """3 where it is not complete, 1 where anything differs, else 0."""
        if not self.complete:
            return 3
        return 1 if any(self.found.values()) else 0

    def as_json(self) -> dict[str, Any]:
        """One store of ``mahfuz inventory --json``."""
        return {
            "store": self.store,
            "complete": self.complete,
            "held_up": self.held_up,
            "copies": self.copies,
            "objects": self.objects,
            "bytes": self.bytes,
            "arriving": self.arriving,
            "found": {kind.value: self.found.get(kind.value, 0) for kind in DifferenceKind},
            "seconds": round(self.seconds, 3),
        }


def take_inventory(given: Watch, store: str) -> InventoryReport | None:
    """Compare ``store`` with the catalogue from end to end; None while another process is doing so.

    One that was killed or held up goes on where it was. Memory is constant and each page of rows is a transaction of
    its own. An object that is put and registered meanwhile is no difference: an absence is confirmed by HEAD, and a
    bag without a row is looked for once more in the catalogue. A store that does not answer, or does not list in
    order, is doubt: the report is not complete. Raises DatabaseUnavailable.
    """
    began, at = time.monotonic(), given.clock()
    with given.catalogue.writing() as session:
        going = inventories.begin(session, store, at, lease_for=given.lease, stale=STALE)
    if going is None:
        return None
    comparing = _Comparing(given, given.stores[store], going)
    held_up = paused = None
    try:
        if not comparing.to_the_end():
            paused = "stopped before its end"
        elif comparing.emptied:
            held_up = (
                f"none of the first {comparing.tally.found[DifferenceKind.ABSENT]} copies is there: "
                "the store was emptied or exchanged, and nothing is done about it unasked"
            )
    except Doubt as doubt:
        paused = str(doubt)
    with given.catalogue.writing() as session:
        if paused:
            inventories.pause(session, going, paused)
        else:
            inventories.end(session, going, comparing.tally, given.clock(), held_up=held_up)
    counts = comparing.tally
    return InventoryReport(
        store=store,
        copies=counts.copies,
        objects=counts.objects,
        bytes=counts.bytes,
        arriving=counts.arriving,
        found=counts.found,
        seconds=time.monotonic() - began,
        complete=not (held_up or paused),
        held_up=held_up or paused,
    )


class _Comparing:
    """Both lists, walked side by side. What lies before ``place`` is compared and written down."""

    def __init__(self, given: Watch, store: Store, going: Going) -> None:
        self._watch, self._store, self._going = given, store, going
        self._budget = given.budgets.get(store.name, Budget())
        self._place = going.place
        self._seen: list[Found] = []
        self.tally = going.counts
        self._matched = self.tally.copies > self.tally.found[DifferenceKind.ABSENT]
        self.emptied = False

    def to_the_end(self) -> bool:
        """Compare all; False when it was asked to stop, or another has taken it over. Raises Doubt."""
        compared = 0
        for key in self._merged():
            self._place = key or self._place
            compared += 1
            if self.emptied:
                return True
            if compared % BATCH:
                continue
            # Before anything was found where it should be, absences may mean an emptied store: nothing is said of them.
            nothing_yet = not self._matched and self.tally.found[DifferenceKind.ABSENT]
            if self._watch.stopping() or not (nothing_yet or self._write()):
                return False
        self._look_at_unfinished()
        return self._write()

    def _merged(self) -> Iterator[str]:
        """The key of each thing compared: everything up to it has been, strangers aside."""
        rows = inventories.expected(self._watch.catalogue, self._store.name, self._place)
        row = next(rows, None)
        for listed in self._bags():
            while row is not None and row.key < listed.key:
                self._absent(row)
                yield row.key
                row = next(rows, None)
            if row is not None and row.key == listed.key:
                self._there(row, listed)
                row = next(rows, None)
            else:
                self._without_row(listed)
            self._count(listed)
            yield listed.key
        while row is not None:
            self._absent(row)
            yield row.key
            row = next(rows, None)

    def _bags(self) -> Iterator[StoredObject]:
        """The bags that the store lists, in the order of their keys. Raises Doubt when it lists them otherwise."""
        last = self._place
        for number, listed in enumerate(self._store.keys(after=self._place)):
            if number % _PAGE == 0:
                self._budget.spend(requests=1)
            if parse_notice_key(listed.key) is not None:
                self._count(listed)
                continue
            if is_housekeeping(listed.key):
                continue
            if parse_bag_key(listed.key) is None:
                self._count(listed)
                self._differs(Found(DifferenceKind.STRANGER, listed.key, found_bytes=listed.bytes))
                continue
            if listed.key <= last:
                raise _Unordered(f"the store {self._store.name!r} lists {listed.key!r} after {last!r}: not in order")
            last = listed.key
            yield listed

    def _count(self, listed: StoredObject) -> None:
        self.tally.objects += 1
        self.tally.bytes += listed.bytes

    def _there(self, row: Expected, listed: StoredObject) -> None:
        self.tally.copies += 1
        self._matched = True
        if listed.bytes != row.bytes:
            holds = self._holds(listed)
            kind = DifferenceKind.MISPLACED if holds else DifferenceKind.OTHER_SIZE
            self._differs(Found(kind, row.key, row.bytes, listed.bytes, holds, row.aip_id))

    def _absent(self, row: Expected) -> None:
        self._budget.spend(requests=1)
        found = self._store.head(row.key)
        if found is not None:
            self._there(row, found)  # it came while the listing went by
            return
        self.tally.copies += 1
        self._differs(Found(DifferenceKind.ABSENT, row.key, row.bytes, None, None, row.aip_id))
        self.emptied = not self._matched and self.tally.found[DifferenceKind.ABSENT] >= EMPTIED

    def _without_row(self, listed: StoredObject) -> None:
        place = parse_bag_key(listed.key)
        assert place is not None
        with self._watch.catalogue.reading() as session:
            if inventories.registered(session, *place, self._store.name):
                self.tally.copies += 1
                return  # its row came while the rows went by
        if listed.modified is None or listed.modified > self._watch.clock() - ARRIVING:
            self.tally.arriving += 1
            return
        holds = self._holds(listed)
        kind = DifferenceKind.MISPLACED if holds else DifferenceKind.UNKNOWN
        self._differs(Found(kind, listed.key, None, listed.bytes, holds))

    def _holds(self, listed: StoredObject) -> str | None:
        """The bag that begins in this object, if it is another than its key says; the listing cannot tell."""
        place = parse_bag_key(listed.key)
        assert place is not None
        if self.tally.found[DifferenceKind.MISPLACED] >= LISTED:
            return None
        self._budget.spend(requests=1)
        try:
            with self._store.open(listed.key, 0, _HEADER) as stream:
                header = stream.read(_HEADER)
        except ObjectMissing:
            return None
        name = header[:100].partition(b"\0")[0].partition(b"/")[0].decode("ascii", "replace")
        return name if parse_bag_name(name) not in {None, place} and name != bag_name(*place) else None

    def _look_at_unfinished(self) -> None:
        if isinstance(self._store, Unfinished):
            before = self._watch.clock() - ARRIVING
            for upload in self._store.unfinished():
                if upload.modified is not None and upload.modified < before:
                    self._differs(Found(DifferenceKind.UNFINISHED, upload.key, found_bytes=upload.bytes or None))

    def _differs(self, found: Found) -> None:
        self.tally.found[found.kind] += 1
        if self.tally.found[found.kind] <= LISTED:
            self._seen.append(found)

    def _write(self) -> bool:
        at = self._watch.clock()
        due = [found.aip_id for found in self._seen if found.aip_id is not None]
        with self._watch.catalogue.writing() as session:
            ours = inventories.note(
                session,
                self._going,
                self._place,
                self.tally,
                self._seen,
                at,
                lease_until=at + self._watch.lease,
            )
            if ours:
                for aip_id in due:
                    watch.read_soon(session, aip_id, self._store.name, at)
        self._seen = []
        return ours


def take_due(given: Watch, days: float) -> Iterator[InventoryReport]:
    """An inventory of each store of which the last one began ``days`` ago, or was held up."""
    for store in given.stores:
        if given.stopping():
            return
        with given.catalogue.reading() as session:
            due = inventories.is_due(session, store, given.clock(), days)
        report = take_inventory(given, store) if due else None
        if report is not None:
            yield report


class _Unordered(Doubt):
    """Two lists can only be compared side by side when both are in order."""
