"""The due dates of all copies brought to what is promised now, after the settings were changed: a little at a time.

A changed promise must not wait until each copy's old date has come. The rows are walked once by their key, in short
transactions; whoever reads a copy meanwhile dates it anew anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.catalogue import contents, copies
from repository.models import Aip, Article, Copy, PolicyInForce
from repository.promise import Promises

BAGS = 500
"""So many AIPs are dated anew in one transaction."""


@dataclass(frozen=True, slots=True)
class InForce:
    """How far the copies' dates follow from a promise. ``finished_at`` None: it is still being applied."""

    digest: str
    aip_id: int
    started_at: datetime
    finished_at: datetime | None


def in_force(session: Session) -> InForce | None:
    """The promise that was applied last, or is being applied; None in a catalogue without any."""
    row = session.get(PolicyInForce, 1)
    return InForce(row.digest, row.aip_id, row.started_at, row.finished_at) if row else None


def step(session: Session, promises: Promises, at: datetime) -> bool:
    """Date the copies of the next :data:`BAGS` AIPs anew; False when there is nothing to do.

    A copy is never dated later than it was: where a promise becomes longer each copy is read once more at its old date.
    The row is locked, so that two processes take turns; the last promise that is brought wins.
    """
    fresh = select(PolicyInForce).where(PolicyInForce.id == 1).with_for_update()
    row = session.execute(fresh.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        row = PolicyInForce(id=1, digest="", aip_id=0, started_at=at)
        session.add(row)
    if row.digest != promises.digest:
        row.digest, row.aip_id, row.started_at, row.finished_at = promises.digest, 0, at, None
    if row.finished_at is not None:
        return False
    bags = session.execute(
        select(Aip.id, Aip.article_id, Aip.version, Article.title_id, Article.publisher_id)
        .join(Article, Article.id == Aip.article_id)
        .where(Aip.id > row.aip_id)
        .order_by(Aip.id)
        .limit(BAGS)
    ).all()
    if not bags:
        row.finished_at = at
        return False
    held = contents.contents(session, [(bag.title_id, bag.publisher_id) for bag in bags])
    by_id = {bag.id: bag for bag in bags}
    for copy in session.execute(
        select(Copy)
        .where(Copy.aip_id.in_(list(by_id)), Copy.verified_at.is_not(None))
        .order_by(Copy.aip_id, Copy.store)
        .with_for_update()
    ).scalars():
        bag = by_id[copy.aip_id]
        assert copy.verified_at is not None
        days = promises.of(held[bag.title_id, bag.publisher_id]).of(copy.store)
        copy.promised_until = copy.verified_at + timedelta(days=days)
        due = copies.next_due(bag.article_id, bag.version, copy.store, copy.verified_at, days)
        copy.next_due = min(copy.next_due, due)
    row.aip_id = bags[-1].id
    return True
