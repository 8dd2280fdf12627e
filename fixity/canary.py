"""Bags that are known to be bad: a watch that misses one is not watching, and what it called intact proves nothing.

In every store lie a few tiny bags under ``canaries/``, no holdings: one with a flipped bit, one that was cut, one
that was sealed wrong, and one that is whole; and there is a key under which nothing lies. Each round reads them first,
by the same code and over the same connections as everything else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repository.bags import PayloadSource, write_bag
from repository.catalogue import canaries
from repository.catalogue.canaries import Look
from repository.catalogue.copies import CopyRef
from repository.errors import Doubt, RefusedByStore, WouldOverwrite
from repository.storage import Mendable, Store
from repository.storage.durable import write_bytes
from repository.vocabulary import CANARIES, AuditOutcome

if TYPE_CHECKING:
    from fixity.audit import Reading
    from fixity.readers import Readers
    from fixity.watch import Watch

log = logging.getLogger(__name__)

GENERATION = "1"
"""Stands in the key: other bytes of a later version of the program must not meet those of this one."""

_ARTICLE = hashlib.sha256(b"mahfuz canary").hexdigest()[:32]
_VERSION = 1
_MISSED = "the watch missed a canary in this store ({}): what is read there proves nothing"


@dataclass(frozen=True, slots=True)
class Canary:
    """One of them: what lies in the store (None: nothing may), what the catalogue would say of it, and what it is."""

    name: str
    stored: Path | None
    stored_sha256: str | None
    seal: str
    bytes: int
    expected: AuditOutcome
    deep: bool = False

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{CANARIES}{GENERATION}/{self.name}.tar"

    def ref(self, store: str) -> CopyRef:
        """It, as an auditor takes it."""
        return CopyRef(0, store, _ARTICLE, _VERSION, self.seal, self.bytes, place=self.key)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one round said of the canaries of its stores."""

    looks: tuple[Look, ...] = ()

    @property
    def missed(self) -> tuple[Look, ...]:
        """Those that were taken for something else: an alarm."""
        return tuple(look for look in self.looks if look.missed)

    def as_json(self) -> dict[str, Any]:
        """``canaries`` of ``mahfuz audit --json``: ``expected`` = ``caught`` + ``missed`` + ``unreadable``."""
        return {
            "expected": len(self.looks),
            "caught": sum(look.caught for look in self.looks),
            "missed": len(self.missed),
            "unreadable": sum(look.outcome is AuditOutcome.UNREADABLE for look in self.looks),
            "details": [
                {
                    "store": look.store,
                    "canary": look.name,
                    "expected": str(look.expected),
                    "outcome": str(look.outcome),
                    "note": look.note,
                }
                for look in self.looks
                if look.note or not look.caught
            ],
        }


def is_deep(ref: CopyRef) -> bool:
    """Whether this canary shows itself only to one who checks the manifests inside the bag."""
    return ref.place is not None and ref.place.endswith("/sealed-wrong.tar")


def hatch(folder: Path) -> tuple[Canary, ...]:
    """The canaries, made in ``folder``: the same bytes on every machine. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = _bag()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x01
    swapped = whole.replace(b"keeps singing", b"keeps silence", 1)
    assert len(swapped) == len(whole)
    assert swapped != whole
    seal = _sha256(whole)

    def laid(name: str, data: bytes, expected: AuditOutcome, seal: str = seal, *, deep: bool = False) -> Canary:
        path = folder / f"{GENERATION}-{name}.tar"
        if not path.is_file() or path.read_bytes() != data:
            write_bytes(path, data)
        return Canary(name, path, _sha256(data), seal, len(whole), expected, deep)

    return (
        laid("whole", whole, AuditOutcome.INTACT),
        laid("flipped", bytes(flipped), AuditOutcome.DAMAGED),
        laid("cut", whole[:-512], AuditOutcome.DAMAGED),
        # It bears its seal: only its own manifest knows better.
        laid("sealed-wrong", swapped, AuditOutcome.DAMAGED, _sha256(swapped), deep=True),
        Canary("absent", None, None, seal, len(whole), AuditOutcome.MISSING),
    )


def listen(watch: Watch, readers: Readers, stores: Sequence[str], *, lay: bool) -> Heard:
    """Read the canaries of ``stores``; a store in which one is missed is distrusted for the rest of the round.

    With ``lay`` those that do not lie there yet are put there. One that was lost, has decayed or was mended since the
    last round is put anew, with a note, and read once more: then the store is at fault and not the watch. A store
    that does not answer is doubt, and says nothing of the watch.
    """
    if watch.canaries is None:
        return Heard()
    flock = {canary.name: canary for canary in hatch(watch.canaries)}
    with watch.catalogue.reading() as session:
        known = canaries.known(session)
    places = [(store, canary) for store in stores if store in watch.stores for canary in flock.values()]
    if lay:
        for store, canary in places:
            if (store, canary.name) not in known:
                _lay(watch.stores[store], canary)
    else:
        places = [place for place in places if (place[0], place[1].name) in known]
    looks = {}
    for ref, reading in _read(readers, [canary.ref(store) for store, canary in places]):
        canary = flock[ref.key.rpartition("/")[2].removesuffix(".tar")]
        looks[ref.store, canary.name] = _look(watch, readers, ref, canary, reading, lay=lay)
    heard = Heard(tuple(looks[store, canary.name] for store, canary in places if (store, canary.name) in looks))
    for missed in heard.missed:
        log.error("the canary %s in %s was called %s", missed.name, missed.store, missed.outcome)
        readers.distrust(missed.store, _MISSED.format(missed.name))
    with watch.catalogue.writing() as session:
        canaries.write_down(session, heard.looks, watch.clock())
    return heard


def _look(watch: Watch, readers: Readers, ref: CopyRef, canary: Canary, reading: Reading, *, lay: bool) -> Look:
    look = Look(ref.store, canary.name, canary.expected, reading.outcome)
    if not look.missed or not lay or canary.stored is None:
        return look
    note = f"it was {reading.outcome}" + (f" (SHA-256 {reading.found_sha256})" if reading.found_sha256 else "")
    if reading.found_sha256 != canary.stored_sha256 and _lay(watch.stores[ref.store], canary, reading):
        for _, again in _read(readers, [ref]):
            return replace(look, outcome=again.outcome, note=f"{note}, and was put anew")
    return replace(look, note=note)


def _read(readers: Readers, refs: Sequence[CopyRef]) -> list[tuple[CopyRef, Reading]]:
    return [
        (ref, reading) for some in readers.readings(readers.begin(refs)) for ref, reading in some if reading is not None
    ]


def _lay(store: Store, canary: Canary, found: Reading | None = None) -> bool:
    """Whether the canary lies there now, as far as the store says; reading it will tell."""
    if canary.stored is None or canary.stored_sha256 is None:
        return False
    try:
        if found is not None and found.found_sha256 is not None:
            if not isinstance(store, Mendable):
                return False
            store.replace(canary.key, canary.stored, canary.stored_sha256, found.found_sha256)
        else:
            store.put(canary.key, canary.stored, canary.stored_sha256)
    except (Doubt, RefusedByStore, WouldOverwrite) as error:
        log.warning("the canary %s could not be put into %s: %s", canary.name, store.name, error)
        return False
    return True


@cache
def _bag() -> bytes:
    """A small valid bag; nothing in it comes from this machine or this moment."""
    record = {"title": "Kanarya", "note": "No article: a bag by which the watch is watched."}
    song = b"As long as the canary keeps singing the air is good.\n" * 40
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "song").write_bytes(song)
        source = PayloadSource("song.txt", folder / "song", len(song), hashlib.sha512(song).hexdigest())
        bag = write_bag(
            folder / "bag.tar",
            article_id=_ARTICLE,
            version=_VERSION,
            bag_info=(("Source-Organization", "Mahfuz"), ("Bagging-Date", "2026-01-01")),
            tag_files={"metadata/article.json": json.dumps(record).encode() + b"\n"},
            payload=(source,),
        )
        return bag.path.read_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
