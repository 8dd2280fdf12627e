"""Signed heads: how far the chain of events went on a day, in the archive's hand, kept where the bags are kept.

The chain alone proves nothing against one who may change the whole catalogue, for it can be reckoned anew from end
to end. A head that lies in a store, which overwrites nothing, can not.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from repository import canonical, signing
from repository.errors import ObjectMissing, StoreUnavailable
from repository.storage import Store, octets_of
from repository.time_stamps import Authority
from repository.vocabulary import HEADS, as_utc_text, head_key, is_head_key, is_time_stamp_key, time_stamp_key

_LARGEST = 1 << 17


@dataclass(frozen=True, slots=True)
class Head:
    """At ``at`` the chain of events had ``position`` of them, and this hash at its end."""

    archive: str
    position: int
    hash: str
    at: datetime

    @property
    def key(self) -> str:
        """Under which it lies in every store."""
        return head_key(self.at, self.position, self.hash)

    def as_json(self) -> dict[str, object]:
        """What is signed. ``events`` is how many the chain had, ``position`` that of the last: the same number."""
        return {
            "archive": self.archive,
            "at": as_utc_text(self.at),
            "events": self.position,
            "hash": self.hash,
            "position": self.position,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """What lies under one key of a store: a head of ours or its time stamp, or the reason why it is neither."""

    store: str
    key: str
    head: Head | None
    reason: str = ""
    stamped: datetime | None = None
    """The moment that a time stamp names; None for a head, and for a stamp that nobody could verify."""

    @property
    def is_time_stamp(self) -> bool:
        """Whether it lies where the time stamp of a head lies."""
        return is_time_stamp_key(self.key)


def signed(head: Head, signer: signing.Signer) -> str:
    """The document that goes into the stores: ASCII, the same for the same head and key."""
    return json.dumps(signer.signed("head", head.as_json()), ensure_ascii=True, sort_keys=True, indent=1) + "\n"


def read(document: str, keys: Mapping[str, str]) -> Head:
    """The head that one of ``keys`` signed. Raises ValueError with the reason why it is none."""
    try:
        envelope = canonical.read(document)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON document: {error}") from error
    reason = signing.verify(envelope, keys, "head")
    if reason is not None:
        raise ValueError(reason)
    return said_in(document)


def said_in(document: str) -> Head:
    """What a document says, whoever signed it. Raises ValueError when that is no head."""
    try:
        said = json.loads(document)["head"]
        head = Head(str(said["archive"]), int(said["position"]), str(said["hash"]), datetime.fromisoformat(said["at"]))
        bytes.fromhex(head.hash)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it does not say what a head says: {error!r}") from error
    return head


def put(store: Store, key: str, document: str, scratch: Path) -> None:
    """The head lies in the store and was read back. Raises WouldOverwrite, RefusedByStore, StoreUnavailable."""
    _put(store, key, document.encode("ascii"), scratch)


def put_time_stamp(store: Store, key: str, answer: bytes, scratch: Path) -> None:
    """The time stamp of the head under ``key`` lies beside it and was read back. Raises as :func:`put`."""
    _put(store, time_stamp_key(key), answer, scratch)


def time_stamp_in(store: Store, key: str) -> bytes | None:
    """The time stamp that lies beside the head under ``key``, verified by nobody; None where none does.

    Raises StoreUnavailable.
    """
    try:
        return octets_of(store, time_stamp_key(key), _LARGEST)
    except ObjectMissing:
        return None


def _put(store: Store, key: str, octets: bytes, scratch: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=scratch, prefix=".head-") as file:
        file.write(octets)
        file.flush()
        store.put(key, Path(file.name), hashlib.sha256(octets).hexdigest())
    if octets_of(store, key, _LARGEST) != octets:
        raise StoreUnavailable(store.name, f"{key} was put and reads otherwise")


def in_store(
    store: Store, keys: Mapping[str, str], authority: Authority | None = None, month: str = ""
) -> Iterator[Found]:
    """Everything that lies where heads lie, in the order of the days; of one ``month`` (``2026-11``) or of all.

    Time stamps are verified where there is an ``authority`` to do it by. Raises StoreUnavailable.
    """
    beside: tuple[str, bytes] = ("", b"")
    """The key and the bytes of the object before: a time stamp comes right behind its head."""
    for item in store.keys(HEADS + month):
        stamp = is_time_stamp_key(item.key)
        if not (stamp or is_head_key(item.key)):
            yield Found(store.name, item.key, None, "a head is not named like that")
            continue
        if stamp and authority is None:
            yield Found(store.name, item.key, None)
            continue
        try:
            content = octets_of(store, item.key, _LARGEST)
            if stamp:
                yield _stamp(store, item.key, content, beside, authority)
                continue
            beside = (item.key, content)
            head = read(content.decode("utf-8"), keys)
        except ObjectMissing:
            yield Found(store.name, item.key, None, "it is listed, and not there")
        except ValueError as error:
            yield Found(store.name, item.key, None, str(error))
        else:
            named = head.key == item.key
            yield Found(store.name, item.key, head if named else None, "" if named else f"it is the head {head.key}")


def _stamp(store: Store, key: str, answer: bytes, beside: tuple[str, bytes], authority: Authority | None) -> Found:
    assert authority is not None
    if time_stamp_key(beside[0]) != key:
        return Found(store.name, key, None, "the head that it is the time stamp of is not there")
    return Found(store.name, key, None, stamped=authority.moment(beside[1], answer))
