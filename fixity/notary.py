"""The archive's word for how far its testimony goes: once a day signed, and laid down in every store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from repository import heads
from repository.catalogue import Catalogue, chain
from repository.catalogue import heads as rows
from repository.errors import MahfuzError, WouldOverwrite
from repository.heads import Head
from repository.models import SignedHead
from repository.signing import Signer
from repository.storage import Store

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

    @property
    def exit_status(self) -> int:
        """0: every store has every head; 3: some store did not answer; 4: one holds something else under its key."""
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
    return done


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
