"""The archive's word for how far its testimony goes: once a day signed, and laid down in every store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from repository import heads
from repository.catalogue import Catalogue, chain
from repository.catalogue import heads as rows
from repository.errors import Doubt, MahfuzError, WouldOverwrite
from repository.exchange import NoAnswer
from repository.heads import Head
from repository.models import SignedHead
from repository.signing import Signer
from repository.storage import Store
from repository.time_stamps import Authority

STAMPED_WITHIN = timedelta(days=30)
"""A head that is older and has no time stamp gets none any more: a newer one speaks for it."""

STAMPS_AT_ONCE = 10
"""Heads for which a time-stamp authority is asked at one time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notary:
    """What signing and proving are given to work with."""

    catalogue: Catalogue
    stores: Mapping[str, Store]
    signer: Signer
    archive: str
    """The identifier by which outsiders know the archive."""
    scratch: Path
    clock: Callable[[], datetime]
    authority: Authority | None = None
    """Who stamps heads with the time, where the settings name somebody."""


@dataclass
class Sealing:
    """What was done: events linked, the head that stands now, where it and older ones were put, and where not."""

    linked: int = 0
    head: Head | None = None
    new: bool = False
    put: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Stores that did not take what they lack yet, with the reason; the next time tries again."""
    decide: bool = False
    stamped: int = 0
    """Heads that were stamped with the time now."""
    unstamped: str = ""
    """Why a head has no time stamp yet; the next time tries again."""

    @property
    def exit_status(self) -> int:
        """0: every store has every head; 3: some store did not answer; 4: one holds something else under its key.

        A time stamp that is not there yet is no reason.
        """
        return 4 if self.decide else 3 if self.waiting else 0


def seal(notary: Notary, *, daily: bool) -> Sealing:
    """Every event is linked, the end of the chain is signed, and every store that answers has every head.

    ``daily``: nothing is signed when there is a head of this day (UTC); otherwise only when the newest one
    already speaks of the present end. An empty chain has no head. Raises DatabaseUnavailable.
    """
    done = Sealing(chain.link_all(notary.catalogue))
    now = notary.clock()
    with notary.catalogue.reading() as session:
        end, last = chain.end_of(session), rows.latest(session)
    today = rows.day_of(now)
    if last is not None and (last.at >= today if daily else last.position == end.position and last.at >= today):
        done.head = heads.said_in(last.document)
    elif end.position:
        done.head = Head(notary.archive, end.position, end.hash.hex(), now.replace(microsecond=0))
        made = SignedHead(
            key=done.head.key, position=end.position, at=done.head.at, document=heads.signed(done.head, notary.signer)
        )
        with notary.catalogue.writing() as session:
            done.new = rows.enter(session, made, once_since=today if daily else None)
    for store in notary.stores.values():
        _deliver(notary, store, done)
    # Last of all: whoever stamps may be silent, and delays nothing.
    if notary.authority is not None:
        _stamp(notary, notary.authority, done)
    for store in notary.stores.values():
        if store.name not in done.waiting:
            _deliver_time_stamps(notary, store, done)
    return done


def _stamp(notary: Notary, authority: Authority, done: Sealing) -> None:
    with notary.catalogue.reading() as session:
        waiting = rows.unstamped(session, since=notary.clock() - STAMPED_WITHIN, limit=STAMPS_AT_ONCE)
    for head in waiting:
        try:
            answer = _left_behind(notary, authority, head) or authority.stamp(head.document.encode("ascii"))
        except NoAnswer as error:
            done.unstamped = str(error)
            log.warning("the head %s has no time stamp yet: %s", head.key, error)
            return
        with notary.catalogue.writing() as session:
            rows.stamp(session, head.key, answer)
        done.stamped += 1


def _left_behind(notary: Notary, authority: Authority, head: SignedHead) -> bytes | None:
    """The time stamp that a catalogue since restored had put into a store: a second one could not lie there."""
    for store in notary.stores.values():
        with suppress(Doubt, ValueError):
            answer = heads.time_stamp_in(store, head.key)
            if answer is not None and authority.moment(head.document.encode("ascii"), answer):
                return answer
    return None


def _deliver_time_stamps(notary: Notary, store: Store, done: Sealing) -> None:
    with notary.catalogue.reading() as session:
        lacking = rows.lacking_time_stamp(session, store.name)
    for head in lacking:
        try:
            heads.put_time_stamp(store, head.key, head.time_stamp or b"", notary.scratch)
        except MahfuzError as error:
            done.waiting[store.name] = str(error)
            done.decide = done.decide or isinstance(error, WouldOverwrite)
            log.warning("the time stamp of %s is not in %s yet: %s", head.key, store.name, error)
            return
        with notary.catalogue.writing() as session:
            rows.time_stamp_kept(session, head.key, store.name, notary.clock())


def _deliver(notary: Notary, store: Store, done: Sealing) -> None:
    with notary.catalogue.reading() as session:
        lacking = rows.lacking(session, store.name)
    for head in lacking:
        try:
            heads.put(store, head.key, head.document, notary.scratch)
        except MahfuzError as error:
            done.waiting[store.name] = str(error)
            done.decide = done.decide or isinstance(error, WouldOverwrite)
            log.warning("the head %s is not in %s yet: %s", head.key, store.name, error)
            if not isinstance(error, WouldOverwrite):
                return
            continue
        with notary.catalogue.writing() as session:
            rows.kept(session, head.key, store.name, notary.clock())
        done.put[store.name] = done.put.get(store.name, 0) + 1
