"""A store is retired: proved, bag by bag, that enough others keep what it keeps; nothing that lies in it is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog

from fixity.watch import Watch
from repository.catalogue import filling, retiring
from repository.catalogue.retiring import Short
from repository.errors import Doubt, ObjectMissing
from repository.models import Notice
from repository.notice import LARGEST, notice_key
from repository.storage import octets_of

AGAIN = timedelta(hours=1)
"""When a retirement that could not be proved is proved again."""

TOLD = 20
_PAGE = 200

COLUMNS = ("article", "version", "seal", "bytes", "kept_in_others", "copies")

log = structlog.get_logger(__name__)


@dataclass
class Proof:
    """What a look at all that a store keeps showed, and what the others would not have."""

    store: str
    others: list[str]
    needed: int
    bags: int = 0
    lacking: int = 0
    first: list[Short] = field(default_factory=list)
    ledgers: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    disposals: list[int] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing would be lost."""
        enough = len(self.others) >= self.needed
        return enough and not (self.lacking or self.ledgers or self.heads or self.notices or self.disposals)

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside the decision, and told by ``mahfuz store retire``."""
        return {
            "others": self.others,
            "needed": self.needed,
            "bags": self.bags,
            "lacking": self.lacking,
            "first": [
                {"article": one.article_id, "version": one.version, "kept": one.kept, "copies": dict(one.states)}
                for one in self.first
            ],
            "ledgers": len(self.ledgers),
            "heads": len(self.heads),
            "notices": len(self.notices),
            "disposals": self.disposals,
        }

    @property
    def trouble(self) -> str:
        """What stands in the way, in a line."""
        words = []
        if len(self.others) < self.needed:
            words.append(f"only {len(self.others)} other stores would be left, and {self.needed} copies are promised")
        words += [f"{self.lacking} bags are not whole, as last read, in {self.needed} others"] if self.lacking else []
        for what in ("ledgers", "heads", "notices"):
            if found := getattr(self, what):
                words.append(f"{len(found)} {what} are not in {self.needed} others")
        words += [f"disposals are under way: {', '.join(map(str, self.disposals))}"] if self.disposals else []
        return "; ".join(words)


def row_of(one: Short) -> tuple[object, ...]:
    """A bag that others lack, as a line of :data:`COLUMNS`."""
    states = "; ".join(f"{place} {state}" for place, state in one.states)
    return (one.article_id, one.version, one.seal, one.bytes, one.kept, states)


def proved(given: Watch, store: str, needed: int) -> Proof:
    """Every bag that ``store`` keeps, every ledger, signed head and notice is looked for in the others.

    A bag counts where its copy was read whole there within what is promised of it; a notice is read now. The store
    itself is asked nothing: it may be gone. Raises DatabaseUnavailable.
    """
    with given.catalogue.reading() as session:
        left = retiring.others(session, store, given.stores)
        found = Proof(store, left, needed, retiring.count(session, store))
        found.ledgers = retiring.ledgers_short(session, left, needed)
        found.heads = retiring.heads_short(session, left, needed)
        found.disposals = retiring.disposals_open(session, store)
    walk = retiring.short(given.catalogue, store, left, needed, given.clock())
    found.first = list(islice(walk, TOLD))
    found.lacking = len(found.first) + sum(1 for _ in walk)
    found.notices = _notices_short(given, left, needed)
    return found


def carry_out(given: Watch, needed: int) -> list[Proof]:
    """What two people have decided is proved and done, or waits; copies of stores that are retired are given up.

    Raises DatabaseUnavailable.
    """
    with given.catalogue.writing() as session:
        filling.know(session, given.clock())
    with given.catalogue.reading() as session:
        waiting, gone = retiring.due(session, given.clock()), filling.retired(session)
    proofs = []
    for row in waiting:
        proof = proved(given, row.store, needed)
        proofs.append(proof)
        at = given.clock()
        with given.catalogue.writing() as session:
            if proof.whole:
                retiring.done(session, row.id, proof.as_json(), at, given.agent)
                gone[row.store] = at
            else:
                retiring.later(session, row.id, proof.trouble, proof.as_json(), at + AGAIN)
        log.info("retirement", store=row.store, whole=proof.whole, trouble=proof.trouble)
    for store in gone:
        if given.stopping():
            break
        retiring.give_up(given.catalogue, store, given.clock())
    return proofs


def _notices_short(given: Watch, left: Collection[str], needed: int) -> list[str]:
    short: list[str] = []
    after = ("", 0)
    while True:
        with given.catalogue.reading() as session:
            page = retiring.notices(session, after, _PAGE)
        if not page:
            return short
        for notice in page:
            there = 0
            for name in left:
                there += there < needed and _lies(given, name, notice)
            if there < needed:
                short.append(notice_key(notice.article_id, notice.number))
        after = (page[-1].article_id, page[-1].number)


def _lies(given: Watch, store: str, notice: Notice) -> bool:
    try:
        octets = octets_of(given.stores[store], notice_key(notice.article_id, notice.number), LARGEST)
    except (ObjectMissing, Doubt):
        return False
    return hashlib.sha256(octets).hexdigest() == notice.seal
