"""A store that was added is filled: each bag read from another store, matched with its seal, put, and read back.

It goes on where it was, whatever ended it: what lies there already is read and counts, and what cannot be copied waits
in a row of its own while the rest goes on.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from fixity.audit import Reading, audit
from fixity.budget import Budget
from fixity.mending import Unmendable, source_of
from fixity.silence import Silence
from fixity.watch import Watch
from repository.catalogue import copies as rows
from repository.catalogue import disposals, filling
from repository.catalogue.copies import CopyRef
from repository.catalogue.filling import Copied, Going, NotYet
from repository.catalogue.parts import parts
from repository.errors import (
    DatabaseUnavailable,
    Doubt,
    ObjectMissing,
    RefusedByStore,
    WouldOverwrite,
)
from repository.models import Notice
from repository.notice import LARGEST, notice_key
from repository.preservation import read_back
from repository.storage import Store, octets_of
from repository.vocabulary import AuditOutcome

LOOKED_AT = 1_000
"""AIPs looked at between two notes of how far it has come."""

AT_ONCE = 32
"""Bags copied between two transactions: a killed run has copied so many without their rows, and finds them again."""

AGAIN, PERSON = timedelta(hours=1), timedelta(days=1)
"""When a bag that could not be copied is tried again: something did not answer, or a person has to look."""

LEASE, PULSE_SECONDS = timedelta(minutes=2), 30.0
"""So long a store is this process's to fill unless it says so again; after a kill nobody waits longer."""

NOBODYS = "mahfuz-asks-whether-you-answer"
"""A key under which nothing lies: what a store says of it tells whether it answers at all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Doubted(NotYet):
    """The store that is filled gave no answer about this bag; what it says of others is another question."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What filling is given to work with."""

    watch: Watch
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    """How much may be copied into a store; one that is not named has no limit."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What one run did. ``left``: bags that the store lacks still; ``held_up``: why it ended before its end."""

    store: str
    copied: int
    bytes: int
    left: int
    left_bytes: int
    problems: int
    seconds: float
    held_up: str | None

    @property
    def exit_status(self) -> int:
        """0 where everything lies in the store, 4 where a person has to look at what could not be copied, else 3."""
        if self.held_up:
            return 3
        return (4 if self.problems else 3) if self.left else 0

    def as_json(self) -> dict[str, Any]:
        """One store of ``mahfuz store fill --json``."""
        return {
            "store": self.store,
            "copied": self.copied,
            "bytes": self.bytes,
            "left": self.left,
            "left_bytes": self.left_bytes,
            "problems": self.problems,
            "seconds": round(self.seconds, 3),
            "held_up": self.held_up,
        }


def fill(work: Filling, store: str) -> Filled | None:
    """Everything that is kept lies in ``store`` and was read back there; None while another process fills it.

    What lies beside the bags (notices of decisions) is there too. No transaction is open while bytes move; memory is
    constant. A store that does not answer ends the run, and the next one goes on; one bag that it does not take or give
    waits, as others do that cannot be copied. Raises DatabaseUnavailable.
    """
    given, began = work.watch, time.monotonic()
    with given.catalogue.writing() as session:
        going = filling.begin(session, store, given.clock(), lease_for=LEASE)
    if going is None:
        return None
    with ThreadPoolExecutor(given.readers, f"filling-{store}") as pool:
        run = _Run(work, given.stores[store], going, pool)
        try:
            ended = run.to_the_end()
            held_up = None if ended else "stopped before its end"
        except DatabaseUnavailable:
            raise
        except (Doubt, OSError) as error:
            ended, held_up = False, str(error)
            log.warning("a store is not filled at present", store=store, problem=held_up)
    with given.catalogue.writing() as session:
        filling.note(session, going, given.clock(), held_up=held_up, agent=given.agent, ended=ended)
        left = filling.lacks(session, store)
        problems = filling.progress(session, given.clock())[store].problems
    done = Filled(
        store, run.copied, run.bytes, left.number, left.bytes, problems, time.monotonic() - began, held_up
    )  # fmt: skip
    if done.copied:
        log.info("filled", **done.as_json())
    return done


class _Run:
    """One run while it goes on. Everything up to what is noted lies in the store, or has its row."""

    def __init__(self, work: Filling, target: Store, going: Going, pool: Executor) -> None:
        self._given, self._target, self._going, self._pool = work.watch, target, going, pool
        self._budget = work.budgets.get(target.name, Budget())
        self._sources = [name for name in self._given.stores if name != target.name]
        self._begun = False
        self._silence = Silence()
        with self._given.catalogue.reading() as session:
            self._left = filling.lacks(session, target.name).number
        self.copied = self.bytes = 0

    def to_the_end(self) -> bool:
        """Look at all that was not looked at before; False when it was asked to stop, or another has taken it over."""
        given, place, looked = self._given, self._going.reached, 0
        while True:
            with given.catalogue.reading() as session:
                waiting = filling.again(session, self._target.name, given.clock(), limit=AT_ONCE)
            if not waiting:
                break
            if given.stopping() or not self._copy(waiting):
                return False
        while True:
            with given.catalogue.reading() as session:
                last, lacking, articles = filling.look(session, self._target.name, place, limit=LOOKED_AT)
                beside = filling.notices(session, articles)
                # What has its row is tried when its time has come, and does not hold up what lies behind it.
                known = filling.problems(session, self._target.name, after=place, limit=LOOKED_AT)
                waits = {row.aip_id for row, _ in known}
            lacking = [ref for ref in lacking if ref.aip_id not in waits]
            if last == place:
                return True
            for notice in beside:
                self._put_beside(notice)
            for some in parts(lacking, AT_ONCE):
                if given.stopping() or not self._copy(some):
                    return False
            place, looked = last, looked + LOOKED_AT
            if given.stopping() or not self._note(place):
                return False

    def _copy(self, refs: Sequence[CopyRef]) -> bool:
        """Copy these bags, and write down what became of each, also where the store fell silent among them."""
        given = self._given
        numbers = [ref.aip_id for ref in refs]
        with given.catalogue.reading() as session:
            gone = disposals.gone(session, numbers)
            others = rows.refs_of_all(session, numbers)
            kept_back = filling.being_given_up(session, refs)
        if not self._begun and not self._note(None, begins=True):
            return False
        wanted = [ref for ref in refs if ref.aip_id not in gone and ref not in kept_back]
        told = [self._pool.submit(self._tried, ref, others.get(ref.aip_id, [])) for ref in wanted]
        pending = set(told)
        while pending := wait(pending, PULSE_SECONDS).not_done:
            self._note(None)
        copied: list[Copied] = []
        not_yet = [NotYet(ref, why, given.clock() + PERSON) for ref, why in kept_back.items()]
        doubted: list[_Doubted] = []
        ends: BaseException | None = None
        for one in told:
            if (error := one.exception()) is not None:
                ends = ends or error
                continue
            result = one.result()
            if isinstance(result, _Doubted):
                doubted.append(result)
            elif isinstance(result, Copied):
                copied.append(result)
            elif result is not None:
                not_yet.append(result)
        if doubted:
            away = self._away()
            if not away:
                # Each waits, also where they end the run: else every run would begin with them, and end there.
                not_yet += doubted
            if away or self._silence.fallen:
                ends = ends or away or Doubt(doubted[0].problem)
        at = given.clock()
        with given.catalogue.writing() as session:
            over = [ref for ref in refs if ref.aip_id in gone]
            ours = filling.enter(session, self._going, copied, not_yet, over, given.promises, at, given.agent)
        if ours:
            self.copied += len(copied)
            self.bytes += sum(one.ref.bytes for one in copied)
            self._left -= len(copied)
            given.progress(self.copied, self.copied + max(0, self._left))
        if ends is not None:
            raise ends
        return ours and self._note(None)

    def _away(self) -> Doubt | None:
        """Why the store says nothing at all at present; None where it answers when it is asked for something else."""
        try:
            self._target.head(NOBODYS)
        except Doubt as doubt:
            return doubt
        return None

    def _tried(self, ref: CopyRef, others: Sequence[CopyRef]) -> Copied | NotYet | None:
        """One bag, and note is taken of whether the store answered; None where it was not tried any more."""
        try:
            result = self._one(ref, others)
        except Doubt as doubt:
            result = self._doubted(ref, str(doubt))
        if result is not None:
            self._silence.heard(AuditOutcome.UNREADABLE if isinstance(result, _Doubted) else AuditOutcome.INTACT)
        return result

    def _doubted(self, ref: CopyRef, problem: str) -> _Doubted:
        return _Doubted(ref, problem, self._given.clock() + AGAIN)

    def _one(self, ref: CopyRef, others: Sequence[CopyRef]) -> Copied | NotYet | None:
        """One bag; None where it was not tried any more. Raises Doubt when the store gives no answer about it."""
        given, target = self._given, self._target
        self._budget.spend(ref.bytes, 1)
        if given.stopping():
            return None
        if target.head(ref.key) is not None:
            return self._found(ref)
        try:
            with ExitStack() as held:
                source, path, _ = source_of(
                    ref, Reading(AuditOutcome.MISSING), given.stores, self._in_order(others), given.quarantine, held
                )
                target.put(ref.key, path, ref.seal)
        except Unmendable as why:
            return NotYet(ref, why.detail, given.clock() + (AGAIN if why.doubt else PERSON))
        except (WouldOverwrite, RefusedByStore) as error:
            return NotYet(ref, str(error), given.clock() + (PERSON if isinstance(error, WouldOverwrite) else AGAIN))
        self._prefer(source)
        reading = audit(target, ref)
        if reading.outcome is AuditOutcome.INTACT:
            return Copied(ref, source, given.clock())
        if reading.outcome is AuditOutcome.UNREADABLE:
            return self._doubted(ref, reading.detail)
        return NotYet(ref, f"put, and read back it is {reading.outcome}: {reading.detail}", given.clock() + AGAIN)

    def _found(self, ref: CopyRef) -> Copied | NotYet:
        """Something lies there: what a killed run has put, or else something for a person to look at."""
        reading = audit(self._target, ref, deep=True)
        if reading.outcome is AuditOutcome.INTACT:
            return Copied(ref, self._target.name, self._given.clock())
        if reading.outcome is AuditOutcome.DAMAGED:
            told = f"something else lies under its key, and is not overwritten: {reading.detail}"
            return NotYet(ref, told, self._given.clock() + PERSON)
        return self._doubted(ref, reading.detail)

    def _in_order(self, others: Sequence[CopyRef]) -> list[CopyRef]:
        """The copies to read from, the store that gave the last one first."""
        places = {name: place for place, name in enumerate(self._sources)}
        return sorted(others, key=lambda ref: places.get(ref.store, len(places)))

    def _prefer(self, source: str) -> None:
        if source in self._sources and self._sources[0] != source:
            self._sources = [source, *(name for name in self._sources if name != source)]

    def _put_beside(self, notice: Notice) -> None:
        """A notice as it lies in the other stores lies in this one too. Raises Doubt while none of them gives it."""
        key = notice_key(notice.article_id, notice.number)
        if self._target.head(key) is not None:
            return
        doubts = []
        for name in self._sources:
            try:
                octets = octets_of(self._given.stores[name], key, LARGEST)
            except ObjectMissing:
                continue
            except Doubt as doubt:
                doubts.append(doubt)
                continue
            if hashlib.sha256(octets).hexdigest() != notice.seal:
                continue
            with tempfile.TemporaryDirectory(prefix="mahfuz-notice-") as folder:
                file = Path(folder) / "notice.json"
                file.write_bytes(octets)
                self._target.put(key, file, notice.seal)
            read_back(self._target, key, notice.seal, len(octets))
            return
        if doubts:
            raise doubts[0]
        log.error("no store has this notice", notice=key)

    def _note(self, reached: int | None, *, begins: bool = False) -> bool:
        self._begun = self._begun or begins
        given = self._given
        with given.catalogue.writing() as session:
            return filling.note(session, self._going, given.clock(), reached=reached, lease_for=LEASE, begins=begins)
