"""Which journals a trigger opens at a moment, and how wide: asked when a change is announced, for the feed to tell it.

There are few triggers at any time, however large the archive is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from repository.catalogue.parts import parts
from repository.models import Title, Trigger, TriggerScope
from repository.rights import Audience


class Standing(NamedTuple):
    """A trigger that stands."""

    id: int
    audience: Audience
    nation: bool


def stands(at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a trigger stands at ``at``: two people declared it, nobody revoked it, and it is its time."""
    return and_(
        Trigger.approved_at.is_not(None),
        Trigger.revoked_at.is_(None),
        Trigger.effective <= at,
        or_(Trigger.until.is_(None), Trigger.until > at),
    )


def standing(session: Session, at: datetime) -> tuple[Standing, ...]:
    """The triggers that stand at ``at``."""
    rows = session.execute(select(Trigger.id, Trigger.audience, Trigger.nation).where(stands(at)).order_by(Trigger.id))
    return tuple(Standing(row.id, Audience(row.audience), row.nation) for row in rows)


def titles(session: Session, title_ids: Iterable[int], triggers: Sequence[Standing]) -> dict[int, Audience]:
    """Those of these journals that one of these triggers opens: to everyone, or to institutions (the widest)."""
    if not triggers:
        return {}
    audiences = {one.id: one.audience for one in triggers}
    wanted = sorted(set(title_ids))
    everywhere = {one.audience for one in triggers if one.nation}
    about: dict[int, set[Audience]] = {title: set(everywhere) for title in wanted}
    for some in parts(wanted):
        owners = session.execute(select(Title.id, Title.publisher_id).where(Title.id.in_(some))).all()
        publishers = {row.publisher_id for row in owners}
        scopes = session.execute(
            select(TriggerScope.trigger_id, TriggerScope.title_id, TriggerScope.publisher_id).where(
                TriggerScope.trigger_id.in_(list(audiences)),
                or_(TriggerScope.title_id.in_(some), TriggerScope.publisher_id.in_(publishers)),
            )
        ).all()
        for owner in owners:
            about[owner.id] |= {
                audiences[one.trigger_id]
                for one in scopes
                if owner.id == one.title_id or owner.publisher_id == one.publisher_id
            }
    return {title: _widest(found) for title, found in about.items() if found}


def _widest(found: set[Audience]) -> Audience:
    return next(one for one in (Audience.EVERYONE, Audience.INSTITUTIONS, Audience.ENTITLED) if one in found)
