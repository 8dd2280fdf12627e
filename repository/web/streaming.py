"""A file or a bag on its way out: from the first store that answers, compared with its digest before it ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from repository.catalogue.browse import Place
from repository.errors import Doubt, MahfuzError, ObjectMissing
from repository.storage import ByteStream
from repository.vocabulary import CopyState, Digest, utc_now

WHOLE = 8 << 20
"""A file up to this size is read and compared before its first byte is sent; a larger one while it is sent."""
BLOCK = 256 << 10

_LIKELY = {CopyState.INTACT.value: 0, CopyState.UNVERIFIED.value: 1, "unreadable": 2, CopyState.DAMAGED.value: 3}


class Kept(Protocol):
    """A run of bytes inside a bag, or the whole bag, whose digest is known."""

    @property
    def aip_id(self) -> int:
        """Whose copies they are read from."""
        ...

    @property
    def key(self) -> str:
        """The key of the bag in every store."""
        ...

    @property
    def path(self) -> str:
        """What they are called."""
        ...

    @property
    def offset(self) -> int:
        """Where they begin in the bag."""
        ...

    @property
    def bytes(self) -> int:
        """How many there are."""
        ...

    @property
    def digest(self) -> Digest:
        """What they are compared with."""
        ...

    @property
    def places(self) -> tuple[Place, ...]:
        """The stores that are asked for them."""
        ...


class OpenRange(Protocol):
    """``length`` bytes from ``offset`` of the object ``key`` in the store of this name."""

    def __call__(self, store: str, key: str, offset: int, length: int) -> AbstractContextManager[ByteStream]:
        """Raises ObjectMissing when the store has no such object, StoreUnavailable when it does not answer."""
        ...


class NoIntactCopy(MahfuzError):
    """Every store answered and no copy of the file is what it was: nothing is given out."""


class BrokenOff(MahfuzError):
    """What was sent so far is not the file; the connection is broken so that nobody takes it for the file."""


class Suspects:
    """Copies that a reader found wanting: asked last, until the audit has had a day to settle it."""

    def __init__(self, remembered: timedelta = timedelta(days=1), most: int = 10_000) -> None:
        self._since: dict[tuple[int, str], datetime] = {}
        self._remembered, self._most = remembered, most
        self._lock = Lock()

    def add(self, aip_id: int, store: str) -> None:
        """Remember this copy."""
        with self._lock:
            if len(self._since) >= self._most:
                self._since.clear()
            self._since[aip_id, store] = utc_now()

    def __contains__(self, copy: tuple[int, str]) -> bool:
        since = self._since.get(copy)
        return since is not None and utc_now() - since < self._remembered


@dataclass(frozen=True, slots=True)
class Counter:
    """The counter at which files are given out: how to open them, and whom to tell of one that is wrong."""

    open_range: OpenRange
    store_order: tuple[str, ...]
    on_damage: Callable[[Kept, str], None]
    """Told at once of a copy that was not what it must be; it must not raise."""
    suspects: Suspects = field(default_factory=Suspects)


def in_order(counter: Counter, file: Kept) -> list[Place]:
    """The copies of ``file`` in the order in which they are asked: believed whole first, then by the stores' order."""

    def rank(place: Place) -> tuple[bool, int, int]:
        order = counter.store_order
        known = order.index(place.store) if place.store in order else len(order)
        return ((file.aip_id, place.store) in counter.suspects, _LIKELY.get(place.state, 3), known)

    return sorted((place for place in file.places if place.store in counter.store_order), key=rank)


def whole(counter: Counter, file: Kept) -> bytes:
    """The bytes of a file of at most :data:`WHOLE` bytes, from the first copy whose bytes are right.

    Raises NoIntactCopy when every copy was read and none is right, StoreUnavailable when one did not answer.
    """
    if file.bytes == 0:
        return b""
    doubt: Doubt | None = None
    for place in in_order(counter, file):
        try:
            with counter.open_range(place.store, file.key, file.offset, file.bytes) as stream:
                data = _read_all(stream, file.bytes)
        except ObjectMissing:
            _suspect(counter, file, place.store)
        except Doubt as error:
            doubt = error
        else:
            if len(data) == file.bytes and hashlib.new(file.digest.algorithm, data).hexdigest() == file.digest.value:
                return data
            _suspect(counter, file, place.store)
    raise doubt or NoIntactCopy(f"no intact copy of {file.path} in {file.key}")


def verified(counter: Counter, file: Kept) -> Iterator[bytes]:
    """The blocks of a file of any size. The last one is given only when the digest of them all is right.

    The first block is read before this returns, so that a file which nobody can open is an answer and
    not a broken connection. A store that falls silent on the way is followed by the next one, from the same byte.
    Afterwards the iterator raises BrokenOff if the bytes were wrong. Raises like :func:`whole`.
    """
    blocks = _compared(counter, file)
    first = next(blocks, b"")

    def all_of_it() -> Iterator[bytes]:
        yield first
        yield from blocks

    return all_of_it()


def part(counter: Counter, file: Kept, start: int, length: int) -> Iterator[bytes]:
    """``length`` bytes from ``start``: one ranged request to the first store that answers. Raises like :func:`whole`.

    A part has no digest of its own: only its length is compared. Small files are asked for whole.
    """
    blocks = _following(counter, file, start, length)
    first = next(blocks)[1]

    def all_of_it() -> Iterator[bytes]:
        yield first
        for _place, block in blocks:
            yield block

    return all_of_it()


def _compared(counter: Counter, file: Kept) -> Iterator[bytes]:
    digest = hashlib.new(file.digest.algorithm)
    held = b""
    touched: dict[str, None] = {}
    for place, block in _following(counter, file, 0, file.bytes):
        touched[place.store] = None
        digest.update(block)
        if held:
            yield held
        held = block
    if digest.hexdigest() != file.digest.value:
        for store in touched:
            _suspect(counter, file, store)
        raise BrokenOff(f"{file.path} in {file.key} from {', '.join(touched)} is not what was preserved")
    yield held


def _following(counter: Counter, file: Kept, start: int, length: int) -> Iterator[tuple[Place, bytes]]:
    """Blocks from the first copy that opens; where it stops too soon the next copy goes on from there."""
    sent = 0
    doubt: Doubt | None = None
    for place in in_order(counter, file):
        try:
            with counter.open_range(place.store, file.key, file.offset + start + sent, length - sent) as stream:
                while sent < length:
                    block = stream.read(min(BLOCK, length - sent))
                    if not block:
                        break
                    sent += len(block)
                    yield place, block
        except ObjectMissing:
            _suspect(counter, file, place.store)
            continue
        except Doubt as error:
            doubt = error
            continue
        if sent == length:
            return
        # The object ended before the file did: it is shorter than the bag that was preserved.
        _suspect(counter, file, place.store)
    if sent:
        raise BrokenOff(f"{file.path} in {file.key}: no store could give more than {sent} of {length} bytes")
    raise doubt or NoIntactCopy(f"no intact copy of {file.path} in {file.key}")


def _read_all(stream: ByteStream, length: int) -> bytes:
    blocks = []
    left = length
    while left and (block := stream.read(min(BLOCK, left))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def _suspect(counter: Counter, file: Kept, store: str) -> None:
    counter.suspects.add(file.aip_id, store)
    counter.on_damage(file, store)
