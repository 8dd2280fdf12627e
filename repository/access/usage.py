"""Counting use by the rules of COUNTER (Code of Practice 5.1, sections 3.3 and 7): sums by day, and no reader in them.

Who uses is known for a day at most, and only as a digest under a key that is made anew every day and thrown away: by
it a second click within thirty seconds is told from a new one, and an item that a session has used from one that it
has not. What stays is how often a journal's articles of one year were used on a day by the readers of an institution.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from repository.access.entitlement import Reason
from repository.catalogue import Catalogue
from repository.catalogue.upsert import Upsert
from repository.models import UsageDay, UsageSeen

DOUBLE_CLICK = timedelta(seconds=30)
"""Two clicks on one link within so long are one (section 7.2)."""
REMEMBERED = timedelta(days=1)
THE_WORLD, THE_PLATFORM = 0, 0
"""In the place of an institution, and of a journal."""
NO_YEAR = 1
"""COUNTER's YOP 0001: nobody said when it was published."""


class Metric(StrEnum):
    """COUNTER's Metric_Types, as far as an archive of journals counts them."""

    SEARCHES = "Searches_Platform"
    TOTAL_INVESTIGATIONS = "Total_Item_Investigations"
    TOTAL_REQUESTS = "Total_Item_Requests"
    UNIQUE_INVESTIGATIONS = "Unique_Item_Investigations"
    UNIQUE_REQUESTS = "Unique_Item_Requests"
    NO_LICENSE = "No_License"


class AccessType(StrEnum):
    """What an item was at the moment at which it was used, whoever used it."""

    CONTROLLED = "Controlled"
    OPEN = "Open"
    FREE_TO_READ = "Free_To_Read"


class Act(StrEnum):
    """What a reader did."""

    INVESTIGATION = "investigation"
    """Was shown what is known of an article, or something beside its text."""
    REQUEST = "request"
    """Got the text itself,"""
    PART = "part"
    """or a part of it, as readers of PDF do: all parts are one request."""
    REFUSAL = "refusal"
    """Asked for the text and was shown why not, with what is known of the article."""
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that a reader did. ``user`` is whatever tells readers apart; it is written down nowhere."""

    act: Act
    at: datetime
    institution_id: int
    user: str
    link: str = ""
    """What was clicked."""
    item: str = ""
    """The article,"""
    title_id: int = THE_PLATFORM
    """its journal,"""
    year: int = NO_YEAR
    """its year of publication,"""
    access_type: AccessType | None = None
    """and whether it was open to everyone."""


_OF_REASON = {
    Reason.OPEN_LICENCE: AccessType.OPEN,
    Reason.FREE_AFTER_EMBARGO: AccessType.FREE_TO_READ,
    Reason.OPENED_TO_EVERYONE: AccessType.FREE_TO_READ,
}
_REMEMBER = Upsert(UsageSeen)
_ADD = Upsert(UsageDay, lambda more: {"number": UsageDay.number + more.number})


def access_type(reason: Reason) -> AccessType:
    """The Access_Type of an article for which a decision gave this reason: reasons for everyone are given first."""
    return _OF_REASON.get(reason, AccessType.CONTROLLED)


def enter(session: Session, uses: Sequence[Use], key: bytes, zone: ZoneInfo) -> None:
    """Count these, in their order. ``key`` is the day's."""
    counts: Counter[tuple[int, date, int, int, str, str]] = Counter()
    for use in uses:
        day = use.at.astimezone(zone).date()
        for metric in _counted(session, use, key, zone):
            kind = str(use.access_type or "")
            counts[use.institution_id, day, use.title_id, use.year, kind, str(metric)] += 1
    # In one order everywhere, so that two processes never wait for each other.
    columns = ("institution_id", "day", "title_id", "year", "access_type", "metric")
    _ADD(session, [dict(zip(columns, place, strict=True)) | {"number": n} for place, n in sorted(counts.items())])


def _counted(session: Session, use: Use, key: bytes, zone: ZoneInfo) -> list[Metric]:
    """By which metrics this use counts."""

    def named(*what: str) -> str:
        said = "\x1f".join((str(use.institution_id), use.user, *what))
        return hmac.new(key, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    # A session is the user within an hour by the clock (section 7.3).
    hour = f"{use.at.astimezone(zone):%Y-%m-%dT%H}"

    def first(kind: str) -> bool:
        return _is_new(session, named("item", kind, hour, use.item), use.at)

    def clicked(kind: str) -> bool:
        return not _is_double(session, named("link", kind, use.link), use.at)

    if use.act is Act.SEARCH:
        return [Metric.SEARCHES]
    found: list[Metric] = []
    if use.act in (Act.REQUEST, Act.PART):
        new, click = first("request"), clicked("request")
        if not (new if use.act is Act.PART else click):
            return []
        found = [Metric.TOTAL_REQUESTS, *([Metric.UNIQUE_REQUESTS] if new else [])]
    elif not clicked(use.act):
        return []
    elif use.act is Act.REFUSAL and use.institution_id != THE_WORLD:
        found = [Metric.NO_LICENSE]
    # Every request is an investigation too (section 3.3.1).
    found.append(Metric.TOTAL_INVESTIGATIONS)
    return [*found, Metric.UNIQUE_INVESTIGATIONS] if first("investigation") else found


def _is_new(session: Session, digest: str, at: datetime) -> bool:
    return _REMEMBER(session, [{"id": digest, "at": at}]) > 0


def _is_double(session: Session, digest: str, at: datetime) -> bool:
    """Whether the link was clicked within the last thirty seconds; the window goes on from the last click."""
    if _is_new(session, digest, at):
        return False
    before = session.execute(select(UsageSeen.at).where(UsageSeen.id == digest).with_for_update()).scalar_one()
    session.execute(update(UsageSeen).where(UsageSeen.id == digest).values(at=max(at, before)))
    return at - before <= DOUBLE_CLICK


def forget(catalogue: Catalogue, now: datetime) -> None:
    """What sessions did a day ago is gone. Raises DatabaseUnavailable."""
    with catalogue.writing() as session:
        session.execute(delete(UsageSeen).where(UsageSeen.at <= now - REMEMBERED))
