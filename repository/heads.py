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
from repository.storage import Store
from repository.vocabulary import HEADS, as_utc_text, head_key, is_head_key

_LARGEST = 1 << 16


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
    """What lies under one key of a store: a head of ours, or the reason why it is none."""

    store: str
    key: str
    head: Head | None
    reason: str = ""


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
    octets = document.encode("ascii")
    with tempfile.NamedTemporaryFile(dir=scratch, prefix=".head-") as file:
        file.write(octets)
        file.flush()
        store.put(key, Path(file.name), hashlib.sha256(octets).hexdigest())
    if _content(store, key) != octets:
        raise StoreUnavailable(store.name, f"{key} was put and reads otherwise")


def in_store(store: Store, keys: Mapping[str, str]) -> Iterator[Found]:
    """Everything that lies where heads lie, in the order of the days. Raises StoreUnavailable."""
    for item in store.keys(HEADS):
        if not is_head_key(item.key):
            yield Found(store.name, item.key, None, "a head is not named like that")
            continue
        try:
            head = read(_content(store, item.key).decode("utf-8"), keys)
        except ObjectMissing:
            yield Found(store.name, item.key, None, "it is listed, and not there")
        except ValueError as error:
            yield Found(store.name, item.key, None, str(error))
        else:
            named = head.key == item.key
            yield Found(store.name, item.key, head if named else None, "" if named else f"it is the head {head.key}")


def _content(store: Store, key: str) -> bytes:
    found = bytearray()
    with store.open(key) as stream:
        while (block := stream.read(_LARGEST)) and len(found) <= _LARGEST:
            found += block
    return bytes(found)
