"""How far the clock has verified the testimony by itself, and what stands against it: one row, changed as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from repository.catalogue.chain import START, End
from repository.models import ChainProof


@dataclass(frozen=True, slots=True)
class Standing:
    """The row as values; see :class:`~repository.models.ChainProof`."""

    looked_at: datetime | None = None
    position: int = 0
    hash: bytes = START
    proved_at: datetime | None = None
    walked: int = 0
    walked_hash: bytes = START
    month: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    problems: tuple[Mapping[str, Any], ...] = ()
    problems_since: datetime | None = None
    silent: Mapping[str, str] | None = None

    @property
    def daily(self) -> End:
        """Up to where the chain was verified day by day."""
        return End(self.position, self.hash)

    @property
    def whole(self) -> End:
        """Up to where the pass over the whole chain has come."""
        return End(self.walked, self.walked_hash)

    @property
    def under_way(self) -> bool:
        """Whether a pass over everything was begun and is not complete."""
        return self.began_at is not None and (self.ended_at is None or self.ended_at < self.began_at)


def standing(session: Session) -> Standing:
    """What is known; of a catalogue in which nobody has looked yet, nothing."""
    row = session.get(ChainProof, 1)
    if row is None:
        return Standing()
    known = {field.name: getattr(row, field.name) for field in fields(Standing)}
    return Standing(**known | {"problems": tuple(row.problems)})


def note(session: Session, before: Standing, after: Standing, at: datetime) -> bool:
    """``after`` holds from ``at`` on; False, and nothing is changed, where somebody else looked since ``before``."""
    row = session.get(ChainProof, 1, with_for_update=True, populate_existing=True)
    if (row.looked_at if row else None) != before.looked_at:
        return False
    if row is None:
        row = ChainProof(id=1)
        session.add(row)
    for field in fields(Standing):
        setattr(row, field.name, getattr(after, field.name))
    row.looked_at, row.problems, row.silent = at, [dict(one) for one in after.problems], dict(after.silent or {})
    session.flush()
    return True


def begun(before: Standing, at: datetime, month: str | None) -> Standing:
    """A pass over everything begins; ``month`` is that of the first heads, None where there are none."""
    return replace(before, walked=0, walked_hash=START, month=month, began_at=at)
