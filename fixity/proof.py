"""Whether the testimony is whole: every event against the one before it, and the chain against what was signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from fixity.notary import Notary
from repository import heads
from repository.catalogue import chain
from repository.catalogue import heads as rows
from repository.catalogue.chain import Link
from repository.errors import Doubt
from repository.heads import Head
from repository.storage import Store
from repository.vocabulary import HEADS, EventType, as_utc_text

LINKED_WITHIN = timedelta(minutes=10)
"""An event that is older and in no chain was never told by the program, or nobody links events."""

TOLD_WITHIN = timedelta(days=1)
"""An event whose moment lies so long before a head that does not hold it was put in afterwards."""

DETAILS = 100
"""Problems described one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where the testimony is not what was told. ``code`` stands in docs/testimony.md."""

    code: str
    message: str
    position: int | None = None
    store: str | None = None
    before: str = ""
    """The hash that stood before ``position`` when it was walked over, hexadecimal."""
    month: str = ""
    """The month of a head."""

    def as_json(self) -> dict[str, Any]:
        """As ``mahfuz events verify --json`` prints it."""
        return {"code": self.code, "position": self.position, "store": self.store, "message": self.message}


@dataclass
class Proof:
    """What a walk along the whole chain showed."""

    events: int = 0
    hash: str = ""
    heads: dict[str, int] = field(default_factory=dict)
    """By store, how many signed heads agree with the chain."""
    time_stamps: dict[str, dict[str, int]] = field(default_factory=dict)
    """By store, how many time stamps were ``verified``, and how many could not be for want of an authority."""
    newest: Head | None = None
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    late: list[int] = field(default_factory=list)
    """Positions of the first events that were told long after the moment that they name."""
    declared: list[dict[str, Any]] = field(default_factory=list)
    """Where the chain itself says that the catalogue was written again, and which heads are of what was lost."""
    silent: dict[str, str] = field(default_factory=dict)

    def found(self, problem: Problem) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < DETAILS:
            self.problems.append(problem)

    @property
    def exit_status(self) -> int:
        """1: the testimony is not whole; 3: it is, as far as the stores that answered say; 0: it is."""
        return 1 if self.problem_count else 3 if self.silent else 0

    def as_json(self) -> dict[str, Any]:
        """As ``mahfuz events verify --json`` prints it."""
        return {
            "whole": not self.problem_count and not self.silent,
            "events": self.events,
            "hash": self.hash,
            "heads": self.heads,
            "time_stamps": self.time_stamps,
            "newest_head": self.newest.as_json() if self.newest else None,
            "problem_count": self.problem_count,
            "problems": [problem.as_json() for problem in self.problems],
            "declared": self.declared,
            "late": self.late,
            "silent": self.silent,
        }


def prove(
    notary: Notary, stores: Mapping[str, Store], progress: Callable[[int, int], None] = lambda _done, _of_all: None
) -> Proof:
    """Walk the chain once, in constant memory, and hold it against every head in ``stores``. Nothing is changed.

    Raises DatabaseUnavailable.
    """
    proof = Proof()
    signed = [found for store in stores.values() for found in heads_in(notary, store, proof)]
    with notary.catalogue.reading() as session:
        end = chain.end_of(session)
        beside_the_chain(session, end, notary.clock(), proof)
    walk = Walk(proof, signed)
    for link in chain.walk(notary.catalogue, until=end.position):
        walk.step(link)
        if link.position % chain.BATCH == 0:
            progress(link.position, end.position)
    walk.end(end)
    return proof


def heads_in(notary: Notary, store: Store, proof: Proof, month: str = "") -> list[tuple[str, Head]]:
    """The heads in one store that bear our signature; whatever else is there, or is not, is noted.

    Of one ``month`` (``2026-11``), or of all. A store that does not answer is noted as silent.
    """
    with notary.catalogue.reading() as session:
        gone = rows.kept_in(session, store.name, month)
    good: list[tuple[str, Head]] = []
    stamps = Counter[str]()
    try:
        for found in heads.in_store(store, notary.signer.public_keys(), notary.authority, month):
            gone.discard(found.key)
            if found.head is not None:
                good.append((store.name, found.head))
            elif found.reason:
                code = "TIME_STAMP_WRONG" if found.is_time_stamp else "HEAD_NOT_OURS"
                proof.found(Problem(code, f"{found.key}: {found.reason}", store=store.name, month=month_of(found.key)))
            else:
                stamps["verified" if found.stamped else "not verified"] += 1
    except Doubt as error:
        proof.silent[store.name] = str(error)
        return good
    proof.heads.setdefault(store.name, 0)
    if stamps:
        proof.time_stamps[store.name] = dict(stamps)
    for key in sorted(gone):
        told = f"{key} was put into this store and is not there"
        proof.found(Problem("HEAD_GONE", told, store=store.name, month=month_of(key)))
    return good


def month_of(key: str) -> str:
    """``2026-11`` of the key of a head."""
    return key.removeprefix(HEADS)[:7]


def unlike(key: str, told: str, head: Head, store: str) -> Problem:
    """A head of ours that says otherwise than the chain."""
    return Problem("HEAD_DISAGREES", f"{key}: {told}", head.position, store, month=month_of(key))


def beside_the_chain(session: Session, end: chain.End, now: datetime, proof: Proof) -> None:
    """Note events that claim a place behind the end of the chain, and those that have had none for too long."""
    if stray := chain.beyond(session):
        proof.found(Problem("EVENT_BEYOND_END", f"{stray} events stand behind the end of the chain", end.position))
    if waiting := chain.unlinked(session, now - LINKED_WITHIN):
        told = f"{waiting} events older than {LINKED_WITHIN.seconds // 60} minutes are not in the chain: somebody put "
        told += "them in, or neither `mahfuz clock` nor `mahfuz events seal` has run"
        proof.found(Problem("EVENT_UNLINKED", told))


class Walk:
    """The walk along the chain. Invariant: ``_before`` is the hash kept at ``_position``, right or wrong.

    It begins behind ``start``, by default before the first event.
    """

    def __init__(self, proof: Proof, signed: Iterable[tuple[str, Head]], start: chain.End | None = None) -> None:
        self._proof = proof
        self._position, self._before = (start.position, start.hash) if start else (0, chain.START)
        self._ahead = sorted(signed, key=lambda one: one[1].position, reverse=True)
        self._unlike: list[tuple[str, Head, str]] = []
        self._newest: datetime | None = None
        """The moment of the newest head that the walk has passed."""

    @property
    def reached(self) -> chain.End:
        """As far as it has come."""
        return chain.End(self._position, self._before)

    def step(self, link: Link) -> None:
        """The next event."""
        proof, expected, before = self._proof, self._position + 1, self._before.hex()
        if link.position != expected:
            gone = f"{expected}" if link.position == expected + 1 else f"{expected} to {link.position - 1}"
            proof.found(Problem("EVENT_REMOVED", f"nothing stands at position {gone}", expected, before=before))
        elif chain.hash_of(self._before, link.event) != link.hash:
            told = "the event was changed, or it is not the one that stood here, or something before it was taken away"
            proof.found(Problem("EVENT_CHANGED", told, link.position, before=before))
        self._position, self._before = link.position, link.hash
        proof.events += 1
        self._meet(link)
        detail, at = link.event.get("detail"), link.event.get("at")
        if link.event.get("type") == EventType.REBUILD and isinstance(detail, dict):
            proof.declared.append({"position": link.position, "at": at, **(detail.get("lost") or {})})
        if self._newest and at and datetime.fromisoformat(at) < self._newest - TOLD_WITHIN:
            proof.late += [link.position] if len(proof.late) < DETAILS else []

    def _meet(self, link: Link) -> None:
        """Hold the heads that speak of this event, or of one that is not there, against it."""
        while self._ahead and self._ahead[-1][1].position <= link.position:
            store, head = self._ahead.pop()
            if head.position == link.position and head.hash == link.hash.hex():
                self._agreed(store, head)
            else:
                self._unlike.append((store, head, "the chain has another event there than the one that was signed"))

    def _agreed(self, store: str, head: Head) -> None:
        self._proof.heads[store] = self._proof.heads.get(store, 0) + 1
        self._newest = max(self._newest or head.at, head.at)
        if self._proof.newest is None or self._proof.newest.at <= head.at:
            self._proof.newest = head

    def end(self, end: chain.End) -> None:
        """The walk is over: it ended where the chain is said to end, and no head speaks of more."""
        proof = self._proof
        proof.hash = self._before.hex()
        if (self._position, self._before) != (end.position, end.hash):
            told = f"the chain ended at position {end.position}; the last event found is at {self._position}"
            proof.found(Problem("EVENT_REMOVED", told, self._position + 1, before=self._before.hex()))
        for store, head in reversed(self._ahead):
            self._unlike.append((store, head, f"it speaks of {head.position} events; the chain has {self._position}"))
        for store, head, told in self._unlike:
            if not any(lost_with(head, one) for one in proof.declared):
                proof.found(unlike(head.key, told, head, store))


def lost_with(head: Head, declared: Mapping[str, Any]) -> bool:
    """Whether the chain itself says that what this head speaks of was lost.

    Only what stood at the declaration's place or behind it can have been, and only what was signed by then.
    """
    return head.position >= declared["position"] and as_utc_text(head.at) <= str(declared.get("head_at", ""))
