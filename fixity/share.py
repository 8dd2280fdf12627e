"""An even share a day: how many copies a due round may take, so that a wave is spread and a promise still kept."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, contents, copies, rounds
from repository.promise import Promises

SMALLEST_SHARE = 1000
"""A day's share is never less than this: a small archive gains nothing by waiting."""

LATE_AT_ONCE = 100_000
"""Late copies are counted no further than this in each store; the next tick counts again."""

_LOOKED_UP = 2_000
"""Of so many late copies it is looked up at a time whose they are."""


def share_left(session: Session, promises: Promises, at: datetime) -> int:
    """How many due copies may be read now.

    What is left of the day's share (all copies of a store divided by the days of its
    promise, over all stores, less what due rounds took up in the last 24 hours), or as many
    as have outlived their promise already, whichever is more: lateness is never spared. And, whatever the
    share, those that a person asked to be read.
    """
    held: Counter[str] = Counter()
    for (store, _state), count in copies.kept(session).items():
        held[store] += count.number
    days = contents.mean_days(session, promises, held)
    share = sum(math.ceil(number / max(days[store], 1.0)) for store, number in held.items())
    taken = rounds.read_since(session, at - timedelta(days=1), "due")
    late = sum(late_now(session, at).values())
    return max(late, max(share, SMALLEST_SHARE) - taken, copies.asked_for(session, up_to=SMALLEST_SHARE))


def late_now(session: Session, at: datetime) -> dict[str, int]:
    """How many copies of each store have outlived its promise, each kind counted up to :data:`LATE_AT_ONCE`."""
    return {
        store: copies.late(session, store, at=at, up_to=LATE_AT_ONCE) for store in copies.stores_with_copies(session)
    }


def late_of_publishers(catalogue: Catalogue, at: datetime, late: dict[str, int]) -> dict[int, int]:
    """Of the copies that :func:`late_now` counted, how many are whose: some at a time, each time in a new transaction.

    Nobody waits meanwhile: a watch that is behind has very many of them. Raises DatabaseUnavailable.
    """
    found: Counter[int] = Counter()
    for store, number in late.items():
        left, after = number, None
        while left > 0:
            with catalogue.reading() as session:
                some, after = copies.late_by_publisher(session, store, at=at, after=after, limit=min(left, _LOOKED_UP))
            found.update(some)
            left -= sum(some.values())
            if after is None:
                break
    return dict(found)
