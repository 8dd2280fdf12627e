"""What ledgers tell, taken up by a catalogue that is written again: its events as they were, and its tables."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from ingest.ledger_tables import TABLES
from ingest.ledger_tables.kept import Kept
from repository import ledger as bags
from repository.catalogue import Catalogue, chain, ledgers
from repository.catalogue.parts import parts
from repository.errors import Doubt, MahfuzError
from repository.ledger import Account, NoLedger, Opened
from repository.models import Ledger
from repository.storage import Store
from repository.vocabulary import LEDGERS, ledger_key, parse_ledger_key

log = structlog.get_logger(__name__)
_BATCH = 1_000
_SCRATCH = ".ledgers-"
_FORGOTTEN_SECONDS = 7 * 86_400


@dataclass
class Taken:
    """What was found in the stores, and what of it was new to the catalogue."""

    ledgers: int = 0
    events: int = 0
    newest: str | None = None
    """The ledger up to which the events stand again; None where none was taken up."""
    problems: list[dict[str, str]] = field(default_factory=list)
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class _New:
    """A ledger that the catalogue does not know."""

    name: str
    account: Account
    places: tuple[Store, ...]


class TakingUp:
    """The ledgers that a catalogue does not know, in a folder of their own for the length of a ``with`` block.

    A ledger is only known once everything in it has been taken up, the part that needs articles too: a rebuild that
    is killed reads it again, and enters nothing twice.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        stores: Sequence[Store],
        home: Path,
        clock: Callable[[], datetime],
        tables: Sequence[Kept] = TABLES,
    ) -> None:
        self._catalogue, self._stores, self._clock, self._tables = catalogue, stores, clock, tables
        home.mkdir(parents=True, exist_ok=True)
        sweep(home, _SCRATCH)
        self._held = tempfile.TemporaryDirectory(dir=home, prefix=_SCRATCH)
        self._folder = Path(self._held.name)
        self._entered: list[tuple[Ledger, Mapping[str, datetime | None]]] = []
        self._newer = True
        self.taken = Taken()

    def __enter__(self) -> TakingUp:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._held.cleanup()

    def before_bags(self) -> None:
        """Events and tables that speak of no article stand. Raises StoreUnavailable when a store cannot be listed."""
        new = sorted(self._new(), key=lambda one: (one.account.at, one.name))
        if not new:
            return
        with self._catalogue.reading() as session:
            ours = ledgers.latest(session)
        self._newer = ours is None or ours.at < new[-1].account.at
        line = {one.name for one in _line(new)}
        for one in new:
            self._read(one, with_events=one.name in line)
        self._enter(kept for kept in self._tables if not kept.after_bags)

    def after_bags(self) -> None:
        """The rest stands as well, and the ledgers are known from now on."""
        self._enter(kept for kept in self._tables if kept.after_bags)
        now = self._clock()
        for some in parts(self._entered, _BATCH):
            with self._catalogue.writing() as session:
                for ledger, stores in some:
                    ledgers.enter(session, ledger, stores, now)

    def _new(self) -> Iterator[_New]:
        places: dict[str, list[Store]] = {}
        for store in self._stores:
            for item in store.keys(LEDGERS):
                if (name := parse_ledger_key(item.key)) is not None:
                    places.setdefault(name, []).append(store)
        with self._catalogue.reading() as session:
            known = ledgers.known(session, list(places))
        for name in sorted(places.keys() - known):
            for store in places[name]:
                try:
                    account = bags.glimpsed(store, name)
                except (MahfuzError, NoLedger) as error:
                    self._problem(store.name, name, error)
                    continue
                yield _New(name, account, tuple(places[name]))
                break

    def _read(self, new: _New, *, with_events: bool) -> None:
        """One ledger, from the first store whose copy of it is whole: its events stand, its tables lie in the folder.

        A copy that was not read here is due to be read by the watch.
        """
        for store in new.places:
            try:
                with bags.fetched(store, new.name, self._folder) as opened:
                    if with_events:
                        self._take_up_events(opened, store.name)
                    self._put_aside(opened)
            except (MahfuzError, NoLedger) as error:
                self._problem(store.name, new.name, error)
                continue
            now = self._clock()
            self._entered.append((_row(opened), {place.name: now if place is store else None for place in new.places}))
            self.taken.ledgers += 1
            return

    def _take_up_events(self, opened: Opened, store: str) -> None:
        told = ((line["event"], bytes.fromhex(line["hash"])) for line in opened.rows(bags.EVENTS))
        new = 0
        try:
            for some in parts(told, _BATCH):
                with self._catalogue.writing() as session:
                    new += chain.take_up(session, some)
        except ValueError as error:
            self._problem(store, opened.name, error)
            return
        self.taken.events += new
        with self._catalogue.reading() as session:
            here = chain.end_of(session).position == opened.account.ends.position
        self.taken.newest = opened.name if new or here else self.taken.newest

    def _put_aside(self, opened: Opened) -> None:
        for kept in self._tables:
            if kept.file in opened.offsets:
                with (self._folder / kept.file).open("a" if kept.grows else "w", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in opened.rows(kept.file))

    def _enter(self, tables: Iterable[Kept]) -> None:
        for kept in tables:
            file = self._folder / kept.file
            if file.is_file():
                with file.open(encoding="utf-8") as lines:
                    for some in parts((json.loads(line) for line in lines), _BATCH):
                        with self._catalogue.writing() as session:
                            kept.enter(session, some, self._newer)

    def _problem(self, store: str, name: str, error: Exception) -> None:
        self.taken.doubts += isinstance(error, Doubt)
        self.taken.problems.append({"store": store, "key": ledger_key(name), "problem": str(error)})


def sweep(home: Path, prefix: str) -> None:
    """Take away scratch folders that somebody who was killed left behind, a week ago or longer."""
    for left in home.glob(prefix + "*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _line(new: Sequence[_New]) -> list[_New]:
    """The ledgers whose events lead to the newest one: those of a catalogue that was lost and began anew do not."""
    by_end = {one.account.ends: one for one in new if one.account.begins.position < one.account.ends.position}
    line: list[_New] = []
    place = new[-1].account.ends
    while (one := by_end.get(place)) is not None:
        line.append(one)
        place = one.account.begins
    return line


def _row(opened: Opened) -> Ledger:
    account: Account = opened.account
    marks: dict[str, Any] = dict(account.marks)
    return Ledger(
        name=opened.name,
        at=account.at,
        position=account.ends.position,
        hash=account.ends.hash,
        seal=opened.seal,
        bytes=opened.bytes,
        marks=marks,
    )
