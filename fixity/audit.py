"""One copy read to the last byte, and told apart: whole, damaged, gone, or not answered for."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace

from fixity.budget import Budget
from repository.bags import verify_stream
from repository.catalogue.copies import CopyRef
from repository.errors import Doubt, ObjectMissing, StoreUnavailable
from repository.storage import BUFFER, ByteStream, Store
from repository.vocabulary import AuditOutcome, Level

PATIENCE_SECONDS = 300.0
"""How long any reading may take, whatever its size, before it is doubt."""

SLOWEST_BYTES_A_SECOND = 50_000
"""A store slower than this over a whole copy does not answer in any useful sense: it drips (a socket's own
time-out never sees that, because each single read returns)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one audit of one copy told. ``found_*`` are None when no whole reading was had.

    ``sealed_wrong`` names the codes of what is wrong inside a bag that does bear its seal:
    it was sealed like that, so no other copy can mend it and a person decides.
    """

    outcome: AuditOutcome
    found_sha256: str | None = None
    found_bytes: int | None = None
    detail: str = ""
    seconds: float = 0.0
    sealed_wrong: tuple[str, ...] = ()

    @property
    def mendable(self) -> bool:
        """Whether another copy could take its place: known to be damaged or gone, and not sealed like that."""
        return self.outcome in {AuditOutcome.DAMAGED, AuditOutcome.MISSING} and not self.sealed_wrong


@dataclass(frozen=True, slots=True)
class _Pass:
    sha256: str
    bytes: int
    wrong: tuple[str, ...]

    def bears(self, ref: CopyRef) -> bool:
        return (self.sha256, self.bytes) == (ref.seal, ref.bytes)


class Hearing:
    """A stream that is hashed and counted as it is read, and given up when it only drips."""

    def __init__(self, stream: ByteStream, store: str, announced: int, budget: _Spending | None = None) -> None:
        self._stream, self._store, self._budget = stream, store, budget
        self._digest = hashlib.sha256()
        self._began = time.monotonic()
        self._patience = PATIENCE_SECONDS + announced / SLOWEST_BYTES_A_SECOND
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Of what was read so far, in small hexadecimal."""
        return self._digest.hexdigest()

    def read(self, size: int, /) -> bytes:
        """As :class:`~repository.storage.ByteStream` has it; raises StoreUnavailable when patience is at its end."""
        block = self._stream.read(size)
        self._digest.update(block)
        self.bytes += len(block)
        if self._budget is not None and block:
            self._began += self._budget.spend(len(block))  # our own wait is not the store's
        if (took := time.monotonic() - self._began) > self._patience:
            raise StoreUnavailable(self._store, f"gave {self.bytes} bytes in {took:.0f} s, and was given up")
        return block

    def drain(self) -> None:
        """Read whatever is left."""
        while self.read(BUFFER):
            pass


def audit(store: Store, ref: CopyRef, *, deep: bool = False, budget: Budget | None = None) -> Reading:
    """Read the copy ``ref`` in ``store`` to its last byte and say what it is; never raises for what a store does.

    - INTACT: size and SHA-256 are those of the seal. With ``deep`` the manifests inside the
      bag were checked in the same pass too (RFC 8493 section 3).
    - DAMAGED: the store gave all its bytes, twice the same, and they are others. Or they
      bear the seal and the bag inside is invalid: ``sealed_wrong``.
    - MISSING: the store is there, and says by GET and by HEAD that it has no such object.
    - UNREADABLE: anything else. It says nothing of the bytes.

    A first reading that differs is no alarm yet: the copy is read again over a new
    connection. If it is right then, a bit flipped on the way and the copy is INTACT, with a
    note. Two readings that differ from the seal *and from each other* are UNREADABLE: a path
    that garbles cannot be a witness. So are bytes fewer or more than the store announces.

    ``budget`` is waited for before each request and each block; its waits count neither against the
    store's patience nor in ``seconds``.
    """
    began, spending = time.monotonic(), _Spending(budget)
    found = _judged(store, ref, deep, spending)
    return replace(found, seconds=time.monotonic() - began - spending.waited)


class _Spending:
    """The waits of one audit, added up; with no budget there are none."""

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self.waited = 0.0

    def spend(self, octets: int = 0, requests: int = 0) -> float:
        waited = self._budget.spend(octets, requests) if self._budget else 0.0
        self.waited += waited
        return waited


def _judged(store: Store, ref: CopyRef, deep: bool, spending: _Spending) -> Reading:
    try:
        first = _pass(store, ref, deep, spending)
    except ObjectMissing:
        return _gone(store, ref, spending)
    except (Doubt, OSError) as error:
        return _doubt(str(error))
    if first.bears(ref):
        return _bearing(first)
    try:
        second = _pass(store, ref, deep, spending)
        spending.spend(requests=1)
        announced = store.head(ref.key)
    except (ObjectMissing, Doubt, OSError) as error:
        return _doubt(f"read once with SHA-256 {first.sha256} instead of the seal, then: {error}")
    if second.bears(ref):
        return _bearing(second, note=f"a first reading gave SHA-256 {first.sha256}: a flip on the way")
    if second.sha256 != first.sha256:
        return _doubt(f"two readings differ from the seal and from each other: {first.sha256}, {second.sha256}")
    if announced is None or announced.bytes != second.bytes:
        says = "no object" if announced is None else f"{announced.bytes} bytes"
        return _doubt(f"the store announces {says} and gave {second.bytes} bytes")
    return Reading(
        AuditOutcome.DAMAGED,
        second.sha256,
        second.bytes,
        f"{second.bytes} bytes with SHA-256 {second.sha256}; sealed as {ref.bytes} bytes with {ref.seal}",
    )


def _pass(store: Store, ref: CopyRef, deep: bool, spending: _Spending) -> _Pass:
    spending.spend(requests=1)
    with store.open(ref.key) as stream:
        hearing = Hearing(stream, ref.store, ref.bytes, spending)
        wrong: tuple[str, ...] = ()
        if deep:
            report = verify_stream(hearing, own=(ref.article_id, ref.version))
            wrong = tuple(dict.fromkeys(f.code for f in report.findings if f.level is Level.ERROR))
            wrong = wrong or (() if report.valid else ("invalid",))
        hearing.drain()
        return _Pass(hearing.sha256, hearing.bytes, wrong)


def _bearing(found: _Pass, note: str = "") -> Reading:
    if found.wrong:
        told = f"sealed wrong: it bears its seal, and the bag inside is not valid ({', '.join(found.wrong)})"
        return Reading(AuditOutcome.DAMAGED, found.sha256, found.bytes, told, sealed_wrong=found.wrong)
    return Reading(AuditOutcome.INTACT, found.sha256, found.bytes, note)


def _gone(store: Store, ref: CopyRef, spending: _Spending) -> Reading:
    spending.spend(requests=1)
    try:
        announced = store.head(ref.key)
    except (Doubt, OSError) as error:
        return _doubt(f"the store gave no object, then: {error}")
    if announced is not None:
        return _doubt(f"the store gave no object, and announces one of {announced.bytes} bytes")
    return Reading(AuditOutcome.MISSING, detail="the store is there and has no object under this key")


def _doubt(reason: str) -> Reading:
    return Reading(AuditOutcome.UNREADABLE, detail=reason)
