"""A store keeps objects under keys: it can put, open, head and list them, and it can neither delete nor overwrite.

What every store owes, whichever server stands behind it, is the suite
``tests/store_contract.py``. Replacing a damaged copy is not among a store's
four verbs: it is the separate :class:`Mendable`, which only
:mod:`fixity.mending` uses; and giving up a copy for good is
:class:`Disposable`, which only :mod:`ingest.disposal` uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

BUFFER = 1 << 20
"""Bytes read at a time everywhere: hashing releases the interpreter lock and pays from 256 kB."""

MARK = ".mahfuz-store"
"""The name, hidden from :meth:`Store.keys`, of the small JSON that :meth:`Store.prepare` leaves in a store.

An unmounted disk, a moved folder or a bucket made anew is not an empty store: without its mark it is no answer.
"""

_KEY = re.compile(r"(?!.{1025})[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def check_key(key: str) -> str:
    """``key`` itself when every store can keep it; raises ValueError otherwise, for keys are our own: it is a bug.

    At most 1024 ASCII letters, digits, ``.``, ``_``, ``-`` in segments divided by ``/``. No segment is
    empty, longer than 255 or begins with a dot: such names are the store's own (and ``.`` and ``..`` are nobody's).
    """
    if not _KEY.fullmatch(key) or any(len(segment) > 255 for segment in key.split("/")):
        raise ValueError(f"{key!r} is no key of a store")
    return key


def octets_of(store: Store, key: str, most: int) -> bytes:
    """A small object: all of it, or where it is longer than ``most``, its beginning beyond that. Raises ObjectMissing,
    StoreUnavailable."""
    found = bytearray()
    with store.open(key) as stream:
        while (block := stream.read(min(most, BUFFER))) and len(found) <= most:
            found += block
    return bytes(found)


class Put(StrEnum):
    """What :meth:`Store.put` did. There is no third outcome: everything else is an exception."""

    WRITTEN = "written"
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as the store describes it: never proof of its bytes."""

    key: str
    bytes: int
    modified: datetime | None = None


class ByteStream(Protocol):
    """The bytes of an object, once, from front to back."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; empty only at the true end.

        Raises StoreUnavailable when the store stops before the length that it announced.
        """
        ...


@runtime_checkable
class Store(Protocol):
    """A place that keeps objects under ASCII keys."""

    @property
    def name(self) -> str:
        """The name from the settings; stands in the catalogue beside each copy."""
        ...

    def prepare(self) -> None:
        """Make the empty place (folder with its mark, bucket) if it is not there. Only for a store that keeps nothing.

        Raises StoreUnavailable.
        """
        ...

    def tidy(self) -> None:
        """Take away what a killed put left half written: never an object, never what somebody is still writing.

        Raises StoreUnavailable.
        """
        ...

    def put(self, key: str, source: Path, sha256: str) -> Put:
        """Keep the bytes of ``source``, whose SHA-256 is ``sha256``, under ``key``.

        Afterwards the object is there whole and durable, or nothing is there. The
        same bytes again: ALREADY. Raises WouldOverwrite when other bytes are there,
        RefusedByStore when what arrived was not what was sent, StoreUnavailable.
        A put is no proof: the caller reads the object back.
        """
        ...

    def open(self, key: str, offset: int = 0, length: int | None = None) -> AbstractContextManager[ByteStream]:
        """The object's bytes, or ``length`` of them from ``offset``.

        Raises ObjectMissing when the store is there and has no such object,
        StoreUnavailable in every other case of no answer.
        """
        ...

    def head(self, key: str) -> StoredObject | None:
        """What the store says of the object; None when it says that there is none. Raises StoreUnavailable."""
        ...

    def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """Every object whose key begins with ``prefix``, from the first key greater than ``after``, streamed.

        In byte order of the keys. Raises StoreUnavailable.
        """
        ...


UNREADABLE = "unreadable"
"""Given to :meth:`Mendable.replace` in the place of a digest: what lies there has been impossible to read."""


@runtime_checkable
class Mendable(Protocol):
    """A store whose damaged object can be replaced, by one who can say what is wrong with it."""

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """Put ``source`` in the place of the damaged object.

        ``damaged_sha256`` is the digest of what is there now (None: nothing is there;
        :data:`UNREADABLE`: it cannot be read, and is tried once more). When something else is
        found there the store has changed since it was read: raises WouldOverwrite and changes
        nothing. Raises StoreUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes can still be put, of how many in all."""

    free: int
    total: int


@runtime_checkable
class Roomy(Protocol):
    """A store that may know how much room it has left."""

    def room(self) -> Room | None:
        """What is left at this moment; None where the store does not say. Raises StoreUnavailable."""
        ...


@runtime_checkable
class Clocked(Protocol):
    """A store that may have a clock of its own, by which it dates what it answers."""

    def now(self) -> datetime | None:
        """The moment that it says it is, in whole seconds; None where it has this machine's clock.

        Raises StoreUnavailable.
        """
        ...


@runtime_checkable
class Unfinished(Protocol):
    """A store that can say what was begun in it and never became an object."""

    def unfinished(self) -> Iterator[StoredObject]:
        """Every upload that has not ended: its key (or the name it has meanwhile) and since when.

        ``bytes`` is 0 where the store does not say. Raises StoreUnavailable.
        """
        ...


@runtime_checkable
class Disposable(Protocol):
    """A store that can give up an object for good, when one who was allowed to asks (:mod:`ingest.disposal` alone)."""

    def dispose(self, key: str, sha256: str) -> None:
        """Delete the object, after reading it: only while every version of it that the store keeps has this digest.

        Afterwards nothing can be had under ``key``. Raises WouldOverwrite when other bytes are there (nothing is
        deleted), HeldByStore while a lock of the store stands against it, ObjectMissing when nothing is there,
        StoreUnavailable: then it is not known whether it is done.
        """
        ...
