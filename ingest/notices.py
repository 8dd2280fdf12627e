"""Notices put beside the bags, in every store and read back from each, before any row says what they say."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from repository.errors import ObjectMissing, WouldOverwrite
from repository.notice import LARGEST, Notice, notice_key
from repository.preservation import read_back
from repository.storage import Store, octets_of


def place(notice: Notice, stores: Sequence[Store]) -> Notice:
    """A notice of this article and number lies in every store; which one, is returned.

    It is ``notice``, unless one was put there before by a run that was killed before its rows were written: then that
    one is carried to the end, and the caller decides anew. Raises Doubt when a store does not answer (nothing may be
    entered, and the same call may be made again), WouldOverwrite when the stores hold different ones.
    """
    lying = next((found for found in found_in(stores, notice.article_id, notice.number).values() if found), None)
    ours = lying or notice
    with tempfile.TemporaryDirectory(prefix="mahfuz-notice-") as folder:
        file = Path(folder) / "notice.json"
        file.write_bytes(ours.octets)
        for store in stores:
            try:
                store.put(ours.key, file, ours.seal)
            except WouldOverwrite:
                theirs = read(store, ours.key)
                if lying is not None or store is not stores[0] or theirs is None:
                    raise
                return place(theirs, stores)  # somebody else decided at this very moment, and was first
            read_back(store, ours.key, ours.seal, len(ours.octets))
    return ours


def found_in(stores: Sequence[Store], article_id: str, number: int) -> Mapping[str, Notice | None]:
    """The notice of this number as each store has it; None where it has none, or one that is no notice of ours.

    Raises Doubt.
    """
    return {store.name: read(store, notice_key(article_id, number)) for store in stores}


def read(store: Store, key: str) -> Notice | None:
    """The notice under ``key``; None where there is none, or what lies there is no notice of ours. Raises Doubt."""
    try:
        found = Notice.read(octets_of(store, key, LARGEST))
    except (ObjectMissing, ValueError):
        return None
    return found if found.key == key else None
