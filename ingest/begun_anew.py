"""What a rebuild says first: that the events of the past are gone, and how many of them the archive had signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import heads
from repository.catalogue import Catalogue, chain, testimony
from repository.catalogue import heads as rows
from repository.heads import Head
from repository.models import Event
from repository.signing import Signer
from repository.storage import Store
from repository.vocabulary import EventType, as_utc_text


def declare(
    catalogue: Catalogue,
    stores: Sequence[Store],
    home: Path,
    agent: str,
    clock: Callable[[], datetime],
    ledger: str | None = None,
) -> bool:
    """An event says what is lost, and is linked before any other; whether there was anything to say.

    The bags hold no events, and the newest ``ledger`` whose events stand again those up to a night. So where the
    catalogue has none, or took some up, or the stores hold heads of a chain that goes further than this one or
    otherwise, that is said in the chain itself, with the newest of those heads: `mahfuz events verify` then takes
    them for what they are. Raises StoreUnavailable, DatabaseUnavailable.
    """
    keys = Signer(home).public_keys()
    signed = [found.head for store in stores for found in heads.in_store(store, keys) if found.head is not None]
    with catalogue.writing() as session:
        empty = session.execute(select(Event.id).limit(1)).first() is None
        known = rows.declarations(session)
        lost = [head for head in signed if not _agrees(session, head) and not any(_told(head, one) for one in known)]
        said = ledger is None or any(one.detail.get("ledger") == ledger for one in known)
        if not lost and not empty and said:
            return False
        newest = max(lost, key=lambda head: (head.at, head.position), default=None)
        testimony.witness(
            session,
            EventType.REBUILD,
            at=clock(),
            outcome="success",
            agent=agent,
            detail={
                "begins": "anew" if empty else "from ledgers" if ledger else "from an older catalogue",
                "lost": _named(newest),
                **({"ledger": ledger} if ledger else {}),
            },
        )
    chain.link_all(catalogue)
    return True


def _agrees(session: Session, head: Head) -> bool:
    found = chain.hash_at(session, head.position)
    return found is not None and found.hex() == head.hash


def _told(head: Head, declaration: Event) -> bool:
    lost = declaration.detail.get("lost") or {}
    return head.position >= (declaration.position or 0) and as_utc_text(head.at) <= lost.get("head_at", "")


def _named(head: Head | None) -> dict[str, Any] | None:
    if head is None:
        return None
    return {
        "head": head.key,
        "head_at": as_utc_text(head.at),
        "head_hash": head.hash,
        "head_position": head.position,
    }
