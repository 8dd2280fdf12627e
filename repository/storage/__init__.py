"""A store keeps objects under keys: it can put, open, head and list them, and it can neither delete nor overwrite.

What every store owes, whichever server stands behind it, is the suite
``tests/store_contract.py``. Replacing a damaged copy is not among a store's
four verbs: it is the separate :class:`Mendable`, which only
:mod:`repository.preservation` uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

BUFFER = 1 << 20
"""Bytes read at a time everywhere: hashing releases the interpreter lock and pays from 256 kB."""


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


@runtime_checkable
class Mendable(Protocol):
    """A store whose damaged object can be replaced, by one who can say what is wrong with it."""

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """Put ``source`` in the place of the damaged object.

        ``damaged_sha256`` is the digest of what is there now (None: nothing is there). When
        something else is found there the store has changed since it was read: raises
        WouldOverwrite and changes nothing. Raises StoreUnavailable.
        """
        ...
