"""Our own testimony, delivered to ourselves each night: one bag in every store of what no article's bag holds."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from ingest.ledger_tables import TABLES
from ingest.ledger_tables.kept import Kept
from repository import ledger as bags
from repository.bags import Bag
from repository.catalogue import Catalogue, chain, heads, ledgers
from repository.catalogue.alone import alone
from repository.errors import MahfuzError, ObjectMissing, WouldOverwrite
from repository.ledger import Account, NoLedger, Place
from repository.models import Ledger
from repository.storage import Store
from repository.vocabulary import as_utc_text

log = structlog.get_logger(__name__)

_MAKING = ".making-"
SLICE = 100_000
"""Events in one ledger at most: the first ledgers of a catalogue that is old already are several."""


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What laying down ledgers is given to work with."""

    catalogue: Catalogue
    stores: Sequence[Store]
    home: Path
    archive: str
    """The identifier by which outsiders know the archive."""
    clock: Callable[[], datetime]
    days: Callable[[str], float] = lambda _store: 90.0
    """Within how many days a ledger in this store is read again, as every other copy in it."""
    tables: Sequence[Kept] = TABLES

    @property
    def folder(self) -> Path:
        """Where a ledger lies until every store has it."""
        return self.home / "ledger"


@dataclass
class Laid:
    """What was done: the ledgers made, where they and older ones were put, and where not."""

    made: list[str] = field(default_factory=list)
    put: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Stores that did not take what they lack yet, with the reason; the next time tries again."""
    decide: bool = False

    @property
    def exit_status(self) -> int:
        """0: every store has every ledger; 3: some store did not answer; 4: one holds something else under its key."""
        return 4 if self.decide else 3 if self.waiting else 0


def lay_down(work: Bookkeeping, *, daily: bool) -> Laid:
    """Whatever is new since the last ledger lies in a ledger, and every store that answers has every ledger.

    ``daily``: none is made when there is one of this day (UTC). What is told is what came since the last one, and
    every table of few rows that has changed: it costs what is new, however large the archive is. A ledger is entered
    in the catalogue once a store has it and gave it back. Raises DatabaseUnavailable.
    """
    done = Laid()
    work.folder.mkdir(parents=True, exist_ok=True)
    chain.link_all(work.catalogue)
    # Whoever else lays down ledgers waits: a rehearsal does so beside the clock.
    with alone(work.catalogue, work.home, "ledger"):
        with work.catalogue.reading() as session:
            last = ledgers.latest(session)
        if not (daily and last is not None and last.at >= heads.day_of(work.clock())):
            while _made(work, done):
                pass
        for store in work.stores:
            _deliver(work, store, done)
        _tidy(work)
    return done


def _made(work: Bookkeeping, done: Laid) -> bool:
    """One ledger is made and lies in a store; whether there are more events than it took."""
    now = work.clock().replace(microsecond=0)
    with tempfile.TemporaryDirectory(dir=work.folder, prefix=_MAKING) as folder:
        files, account, more = _told(work, Path(folder), now)
        name, bag = bags.write(work.folder, files, account)
    for store in work.stores:
        try:
            bags.put(store, name, bag.path, bag.seal, bag.bytes)
        except MahfuzError as error:
            _not_yet(done, store, name, error)
            continue
        with work.catalogue.writing() as session:
            ledgers.enter(session, _row(name, bag, account), {store.name: now}, _due(work, store.name, now))
        done.made.append(name)
        done.put[store.name] = done.put.get(store.name, 0) + 1
        return more
    return False


def _row(name: str, bag: Bag, account: Account) -> Ledger:
    return Ledger(
        name=name,
        at=account.at,
        position=account.ends.position,
        hash=account.ends.hash,
        seal=bag.seal,
        bytes=bag.bytes,
        marks=dict(account.marks),
    )


def _told(work: Bookkeeping, folder: Path, now: datetime) -> tuple[dict[str, Path], Account, bool]:
    """The files of the next ledger, what it says of itself, and whether events are left for another."""
    with work.catalogue.reading() as session:
        before, end = ledgers.gone_on_from(session), chain.end_of(session)
    marks: dict[str, Any] = dict(before.marks) if before else {}
    files: dict[str, Path] = {}
    for kept in work.tables:
        told = _written(work.catalogue, kept, folder / kept.file, marks.get(kept.name), now)
        if told is not None:
            files[kept.file], marks[kept.name] = folder / kept.file, told
    begins = Place(before.position, before.hash) if before else Place(0, chain.START)
    ends, file = begins, folder / bags.EVENTS
    with file.open("wb") as lines:
        for link in chain.walk(work.catalogue, until=min(end.position, begins.position + SLICE), after=begins.position):
            lines.write(chain.line(link))
            ends = Place(link.position, link.hash)
    files[bags.EVENTS] = file
    return files, Account(work.archive, now, begins, ends, marks), ends.position < end.position


def _written(catalogue: Catalogue, kept: Kept, file: Path, mark: Any, now: datetime) -> Any:
    """The new mark of a table that has something to tell, which lies in ``file``; None for one that has nothing."""
    digest, number = hashlib.sha256(), 0
    with file.open("wb") as lines:
        for row in kept.tell(catalogue, mark if kept.grows else None):
            line = json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n"
            digest.update(line)
            lines.write(line)
            number += 1
    if kept.grows:
        return as_utc_text(now) if number else None
    return digest.hexdigest() if digest.hexdigest() != mark else None


def _deliver(work: Bookkeeping, store: Store, done: Laid) -> None:
    with work.catalogue.reading() as session:
        lacking = ledgers.lacking(session, store.name)
    for ledger in lacking:
        try:
            with _at_hand(work, ledger, store) as file:
                bags.put(store, ledger.name, file, ledger.seal, ledger.bytes)
        except (MahfuzError, NoLedger) as error:
            _not_yet(done, store, ledger.name, error)
            if not isinstance(error, WouldOverwrite):
                return
            continue
        now = work.clock()
        with work.catalogue.writing() as session:
            ledgers.kept(session, ledger.name, store.name, now, _due(work, store.name, now))
        done.put[store.name] = done.put.get(store.name, 0) + 1


@contextmanager
def _at_hand(work: Bookkeeping, ledger: Ledger, wanting: Store) -> Iterator[Path]:
    """The ledger as a file: the one that was made here, else as another store has it. Raises Doubt, NoLedger."""
    made = work.folder / f"{ledger.name}-v1.tar"
    if made.is_file():
        yield made
        return
    trouble: Exception = ObjectMissing(wanting.name, ledger.name)
    with ExitStack() as held:
        found = None
        for store in (one for one in work.stores if one is not wanting):
            try:
                found = held.enter_context(bags.fetched(store, ledger.name, work.folder))
            except (MahfuzError, NoLedger) as error:
                trouble = error
                continue
            if found.seal == ledger.seal:
                break
            found = None
        if found is None:
            raise trouble
        yield found.file


def _due(work: Bookkeeping, store: str, at: datetime) -> datetime:
    return at + timedelta(days=work.days(store))


def _not_yet(done: Laid, store: Store, name: str, error: Exception) -> None:
    done.waiting[store.name] = str(error)
    done.decide = done.decide or isinstance(error, WouldOverwrite)
    log.warning("a ledger is not in this store yet", store=store.name, ledger=name, problem=str(error))


def _tidy(work: Bookkeeping) -> None:
    """What was made and lies in every store, or in none that the catalogue knows of, is needed here no more."""
    with work.catalogue.reading() as session:
        wanted = {ledger.name for store in work.stores for ledger in ledgers.lacking(session, store.name)}
    for file in work.folder.glob("*-v1.*"):
        if file.name.removesuffix(file.suffix).removesuffix("-v1") not in wanted:
            with suppress(OSError):
                file.unlink()
    for left in work.folder.glob(f"{_MAKING}*"):  # of one who was killed: nobody else is at it now
        shutil.rmtree(left, ignore_errors=True)
