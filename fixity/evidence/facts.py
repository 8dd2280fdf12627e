"""The figures that measures are taken from, all read at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fixity.evidence import looks
from fixity.evidence.looks import FRESH, Looks
from fixity.evidence.room import Evidence, Place
from fixity.standing import Trial, trials
from repository.access import staff
from repository.catalogue import (
    canaries,
    chain,
    days,
    heads,
    inventories,
    proofs,
    rehearsals,
    rounds,
    spot_checks,
    tallies,
    watch,
)
from repository.catalogue.proofs import Standing
from repository.catalogue.spot_checks import SpotCheck
from repository.catalogue.tallies import NOTHING, Count
from repository.catalogue.watch import Watched
from repository.models import Canary, Inventory, Rehearsal, Round, SignedHead
from repository.promise import Promises
from repository.vocabulary import CopyState

ROUNDS_BACK = 500
"""Among so many of the last rounds one is looked for that somebody asked for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at ``at``."""

    at: datetime
    places: tuple[Place, ...]
    bags: Count
    watched: Watched
    promises: Promises
    year: Mapping[str, Mapping[str, int]]
    """The counted numbers of the watch in the last 365 days, by store."""
    inventories: Mapping[str, Inventory | None]
    """The last complete one of each store."""
    inventory: timedelta
    canaries: Sequence[Canary]
    rounds: Sequence[Round]
    head: SignedHead | None
    head_lies_in: frozenset[str]
    chained: int
    """How many events the chain has."""
    deliveries: Mapping[str, int]
    seen: SpotCheck
    accounts: int
    looks: Looks
    trials: Mapping[str, Trial]
    """What trying each store showed, where it was tried lately enough to be believed."""
    exposed: Sequence[Mapping[str, Any]]
    """What stands between one hand and all copies, by those trials."""
    rehearsal: Rehearsal | None
    """The last one that was carried to its end."""
    proof: Standing
    """How far the clock has verified the testimony."""

    def complete(self) -> list[Place]:
        """The stores in which a whole copy lies of every bag."""
        return [place for place in self.places if self.bags.number and self.whole(place.name) >= self.bags.number]

    @property
    def tried_at(self) -> datetime | None:
        """When the store was tried of which that is longest ago; None where one was not tried lately."""
        moments = [self.trials[place.name].at for place in self.places if place.name in self.trials]
        return min(moments) if moments and len(moments) == len(self.places) else None

    def whole(self, store: str) -> int:
        """How many copies in a store are known to be intact."""
        count = self.watched.states.get((store, CopyState.INTACT.value))
        return count.number if count else 0


def gather(evidence: Evidence, at: datetime) -> Facts:
    """The facts now. No page counts a large table for it, and no store is asked. Raises DatabaseUnavailable."""
    seen = looks.last(evidence)
    names = [place.name for place in evidence.places]
    with evidence.catalogue.reading() as session:
        head = heads.latest(session)
        tried = {store: one for store, one in trials(session).items() if at - one.at <= FRESH}
        return Facts(
            at=at,
            places=evidence.places,
            bags=tallies.of(session, "aips").get(("", "kept"), NOTHING),
            watched=watch.figures(session, at),
            promises=evidence.promises,
            year=days.totals(session, (at - timedelta(days=365)).date()),
            inventories={name: complete for name, (_, complete) in inventories.last_of(session, names).items()},
            inventory=evidence.inventory,
            canaries=canaries.latest(session),
            rounds=rounds.latest(session, limit=ROUNDS_BACK),
            head=head,
            head_lies_in=frozenset(heads.lies_in(session, head.key)) if head else frozenset(),
            chained=chain.end_of(session).position,
            deliveries={state: count.number for (_, state), count in tallies.of(session, "deliveries").items()},
            seen=spot_checks.newest_and_oldest(session),
            accounts=staff.active(session),
            looks=seen,
            trials=tried,
            exposed=tuple(evidence.exposed({store: one.found for store, one in tried.items()})),
            rehearsal=rehearsals.last_ended(session),
            proof=proofs.standing(session),
        )
