"""Whether a promise can be kept: how long a full pass takes at the measured rate, and what would have to change.

Nothing here is guessed: where too little was read to measure a rate, that is what is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from fixity.watch import READERS
from repository.catalogue import contents, copies, days
from repository.catalogue.days import Measured
from repository.catalogue.tallies import NOTHING, Count
from repository.promise import ContentClass, Promise, Promises

MEASURED_DAYS = 30
"""The rate is that of so many days before today."""

FEWEST = 100
"""Fewer copies read in a store are no measurement."""

CYCLE = 0.9
"""A copy is due after 80 to 100 % of its days (catalogue.copies.next_due), 90 % in the mean."""

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Policy:
    """What is promised for one store, and what the watch may take of it (0: no limit)."""

    days: float
    megabytes_per_second: float = 0
    requests_per_second: float = 0
    classes: tuple[ContentClass, ...] = ()
    """Content of which something else is promised."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of ``policy`` in ``store``. None where too little was read there to say.

    ``pass_days`` is how long it takes to read every copy once; ``bound_by`` what makes it so long: ``rate``
    (the store, or this machine), ``bytes`` or ``requests`` (the policy's own limits).
    """

    store: str
    policy: Policy
    days: float
    """Those of the policy; where classes have others, the promise that asks as much of the store as all together do."""
    copies: int
    bytes: int
    measured: Measured | None
    pass_days: float | None
    bound_by: str | None
    ends_at: datetime | None
    """When a cycle that begins now ends."""

    @property
    def kept(self) -> bool | None:
        """Whether every copy is read within its days; None where nothing can be said."""
        return None if self.pass_days is None else self.pass_days <= CYCLE * self.days

    @property
    def missed_by_days(self) -> float:
        """By how much the last copies of a cycle are late; 0 where the promise is kept."""
        return 0.0 if self.pass_days is None else max(0.0, self.pass_days / CYCLE - self.days)

    @property
    def shortest_days(self) -> int | None:
        """The shortest promise that can be kept as things are."""
        return None if self.pass_days is None else max(1, math.ceil(self.pass_days / CYCLE))

    @property
    def megabytes_needed(self) -> float:
        """Millions of bytes a second, day and night, that the promise needs."""
        return self.bytes / (CYCLE * self.days * _DAY) / 1e6

    @property
    def requests_needed(self) -> float:
        """Requests a second, day and night, that the promise needs."""
        return self.copies / (CYCLE * self.days * _DAY)

    def as_json(self) -> dict[str, Any]:
        """One store of ``mahfuz forecast --json``."""
        return {
            "store": self.store,
            "fixity_days": self.policy.days,
            "mean_days": round(self.days, 3),
            "megabytes_per_second": self.policy.megabytes_per_second,
            "requests_per_second": self.policy.requests_per_second,
            "copies": self.copies,
            "bytes": self.bytes,
            "measured_copies": self.measured.copies if self.measured else 0,
            "pass_days": None if self.pass_days is None else round(self.pass_days, 3),
            "bound_by": self.bound_by,
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
            "kept": self.kept,
            "missed_by_days": round(self.missed_by_days, 3),
            "shortest_days": self.shortest_days,
            "megabytes_per_second_needed": round(self.megabytes_needed, 6),
            "requests_per_second_needed": round(self.requests_needed, 6),
        }


def forecasts(session: Session, policies: Mapping[str, Policy], at: datetime, readers: int = READERS) -> list[Forecast]:
    """What becomes of each of ``policies`` (by store) with what is held now, at the rate of the last 30 days."""
    held: dict[str, Count] = {}
    for (store, _state), count in copies.kept(session).items():
        held[store] = held.get(store, NOTHING) + count
    rates = days.measured(session, (at - timedelta(days=MEASURED_DAYS)).date())
    return [
        _forecast(store, policy, _days(session, store, policy), held.get(store, NOTHING), rates.get(store), at, readers)
        for store, policy in policies.items()
    ]


def _days(session: Session, store: str, policy: Policy) -> float:
    promises = Promises(Promise(policy.days), policy.classes)
    return contents.mean_days(session, promises, [store])[store]


def _forecast(
    store: str, policy: Policy, days: float, held: Count, measured: Measured | None, at: datetime, readers: int
) -> Forecast:
    told = Forecast(store, policy, days, held.number, held.bytes, measured, None, None, None)
    if held.number and (measured is None or measured.copies < min(FEWEST, held.number)):
        return told
    took = {"rate": 0.0}
    if measured is not None and held.number:
        # A copy costs by its number and by its bytes: what was read was a sample of what is held, and is taken as one.
        took["rate"] = held.number * measured.seconds / measured.copies / readers
    if policy.megabytes_per_second:
        took["bytes"] = held.bytes / (policy.megabytes_per_second * 1e6)
    if policy.requests_per_second:
        took["requests"] = held.number / policy.requests_per_second
    bound_by, seconds = max(took.items(), key=lambda item: item[1])
    return replace(told, pass_days=seconds / _DAY, bound_by=bound_by, ends_at=_after(at, seconds))


def _after(at: datetime, seconds: float) -> datetime | None:
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None
