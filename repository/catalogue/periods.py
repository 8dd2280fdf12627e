"""What was measured between two moments, from the figures of days, rounds, events and alerts: no table is scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, copies
from repository.catalogue.days import COUNTED
from repository.catalogue.rounds import INTERRUPTED
from repository.catalogue.walks import every
from repository.catalogue.watch import COUNT_NO_FURTHER
from repository.models import (
    Aip,
    Alert,
    Article,
    Copy,
    Disposal,
    DisposalTurn,
    Event,
    Moment,
    Notice,
    Round,
    SignedHead,
    WatchDay,
)
from repository.vocabulary import GIVEN_UP, AuditOutcome, CopyState, EventType

OUTCOMES = tuple(outcome.value for outcome in AuditOutcome)
"""Of a reading: expected is always their sum."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, UTC, the last one included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """The moment with which it begins."""
        return datetime.fromisoformat(f"{self.first.isoformat()}T00:00:00+00:00")

    @property
    def until(self) -> datetime:
        """The first moment after it."""
        return datetime.fromisoformat(f"{self.last.isoformat()}T00:00:00+00:00") + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bounded:
    """A number that was counted up to a bound: with ``more`` there are more."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class RoundSums:
    """Rounds that began in the period."""

    begun: int
    finished: int
    interrupted: int
    last_ended: datetime | None


@dataclass(slots=True)
class Held:
    """What one store keeps of one publisher, by the walk over its articles."""

    copies: int = 0
    bytes: int = 0
    open: dict[str, int] = field(default_factory=dict)
    """Copies that are damaged, missing or silent now."""
    unread: int = 0
    """Copies that were certainly not verified in the period."""
    read_since: int = 0
    """Copies that were verified last after its end."""
    never: int = 0
    oldest: datetime | None = None
    found: dict[str, int] = field(default_factory=dict)
    """Readings in the period that did not end intact, by outcome, and copies mended: each left an event."""


def days(session: Session, period: Period) -> Sequence[WatchDay]:
    """The days of the period on which the watch wrote anything down, by store."""
    here = WatchDay.day.between(period.first.isoformat(), period.last.isoformat())
    return session.execute(select(WatchDay).where(here).order_by(WatchDay.store, WatchDay.day)).scalars().all()


def figures_begin(session: Session) -> dict[str, date]:
    """The first day of which anything is written down for each store."""
    rows = session.execute(select(WatchDay.store, func.min(WatchDay.day)).group_by(WatchDay.store))
    return {store: date.fromisoformat(day) for store, day in rows}


def archive_begins(session: Session) -> datetime | None:
    """When the first bag was registered; None in an empty archive."""
    return session.execute(select(Aip.registered_at).order_by(Aip.id).limit(1)).scalar_one_or_none()


def unchanged_since(session: Session, moment: datetime) -> bool:
    """Whether no bag was registered, and no copy given up, since ``moment``: what is held now was held then."""
    newest = session.execute(select(Aip.registered_at).order_by(Aip.id.desc()).limit(1)).scalar_one_or_none()
    given_up = select(DisposalTurn.at).where(DisposalTurn.at >= moment).limit(1)
    return (newest is None or newest < moment) and session.execute(given_up).first() is None


def unread(session: Session, store: str, period: Period) -> Bounded:
    """Copies in ``store`` that were certainly not verified in the period: verified last before it, or never."""
    kept = (Copy.store == store, Copy.state.not_in(GIVEN_UP))
    before = _bounded(session, select(Copy.aip_id).where(*kept, Copy.verified_at < period.since))
    never = _bounded(session, select(Copy.aip_id).where(*kept, Copy.verified_at.is_(None)))
    number = before.number + never.number
    return Bounded(min(number, COUNT_NO_FURTHER), before.more or never.more or number > COUNT_NO_FURTHER)


def read_since(session: Session, store: str, period: Period) -> Bounded:
    """Copies in ``store`` that were verified last after the period: the catalogue keeps no earlier verification."""
    return _bounded(session, select(Copy.aip_id).where(Copy.store == store, Copy.verified_at >= period.until))


def rounds(session: Session, period: Period) -> RoundSums:
    """Rounds that began in the period, and how many of them came to their end."""
    here = (Round.started_at >= period.since, Round.started_at < period.until)
    begun, ended, last = session.execute(
        select(func.count(), func.count(Round.finished_at), func.max(Round.finished_at)).where(*here)
    ).one()
    broken = select(func.count()).select_from(Round).where(*here, Round.scope.endswith(INTERRUPTED))
    interrupted = session.execute(broken).scalar_one()
    return RoundSums(begun, ended - interrupted, interrupted, last)


def last_event(session: Session, period: Period) -> Event | None:
    """The last linked event of a moment in the period or before it."""
    walk = select(Event).where(Event.at < period.until, Event.position.is_not(None))
    return session.execute(walk.order_by(Event.at.desc(), Event.id.desc()).limit(1)).scalar_one_or_none()


def agents(session: Session, period: Period) -> list[str]:
    """The programs that told the first and the last event of the period, by name and version."""
    here = select(Event.agent).where(Event.at >= period.since, Event.at < period.until).limit(1)
    ends = (here.order_by(Event.at, Event.id), here.order_by(Event.at.desc(), Event.id.desc()))
    told = [session.execute(walk).scalar_one_or_none() for walk in ends]
    return list(dict.fromkeys(agent for agent in told if agent))


def head_by(session: Session, moment: datetime) -> SignedHead | None:
    """The last head that was signed before ``moment``."""
    walk = select(SignedHead).where(SignedHead.at < moment).order_by(SignedHead.at.desc()).limit(1)
    return session.execute(walk).scalar_one_or_none()


def heads(session: Session, period: Period) -> Sequence[SignedHead]:
    """The heads that were signed in the period, one a day at most and a few beside."""
    here = select(SignedHead).where(SignedHead.at >= period.since, SignedHead.at < period.until)
    return session.execute(here.order_by(SignedHead.key)).scalars().all()


def alerts(catalogue: Catalogue, period: Period) -> Iterator[Alert]:
    """The alerts that were opened in the period, a page and a short transaction at a time."""
    walk = select(Alert).where(Alert.opened_at >= period.since, Alert.opened_at < period.until).order_by(Alert.id)
    return every(
        catalogue,
        lambda session, after, limit: session.execute(walk.where(Alert.id > (after or 0)).limit(limit)).scalars().all(),
        lambda alert: alert.id,
    )


def notices(catalogue: Catalogue, period: Period) -> Iterator[Notice]:
    """What was decided about articles in the period: withdrawals, restorations, disposals."""
    walk = select(Notice).where(Notice.at >= period.since, Notice.at < period.until)

    def page(session: Session, after: tuple[str, int] | None, limit: int) -> Sequence[Notice]:
        article, number = after or ("", 0)
        place = (Notice.article_id > article) | ((Notice.article_id == article) & (Notice.number > number))
        beyond = walk.where(place).order_by(Notice.article_id, Notice.number)
        return session.execute(beyond.limit(limit)).scalars().all()

    return every(catalogue, page, lambda notice: (notice.article_id, notice.number))


def disposals(catalogue: Catalogue, period: Period) -> Iterator[Disposal]:
    """The disposals that were asked for by the end of the period, whatever became of them."""
    walk = select(Disposal).where(Disposal.asked_at < period.until).order_by(Disposal.id)
    return every(
        catalogue,
        lambda session, after, limit: (
            session.execute(walk.where(Disposal.id > (after or 0)).limit(limit)).scalars().all()
        ),
        lambda disposal: disposal.id,
    )


def of_publisher(catalogue: Catalogue, publisher_id: int, period: Period) -> dict[str, Held]:
    """What each store keeps of one publisher: a walk over its articles by their index, a page at a time.

    The figures of days know stores and no publishers; so of readings only those are known that left an event of
    their own, which is everything that was not intact.
    """
    held: dict[str, Held] = {}
    key = (Article.datestamp, Article.change_number)
    walk = select(Article.id, *key).where(Article.publisher_id == publisher_id).order_by(*key).limit(_PAGE)
    beyond = walk
    while True:
        with catalogue.reading() as session:
            page = session.execute(beyond).all()
            identifiers = [row.id for row in page]
            _count_copies(session, identifiers, period, held)
            _count_events(session, identifiers, period, held)
        if len(page) < _PAGE:
            return held
        place = tuple_(literal(page[-1].datestamp, Moment()), literal(page[-1].change_number))
        beyond = walk.where(tuple_(*key) > place)


def _count_copies(session: Session, identifiers: Sequence[str], period: Period, held: dict[str, Held]) -> None:
    bags = {
        row.id: row.bytes for row in session.execute(select(Aip.id, Aip.bytes).where(Aip.article_id.in_(identifiers)))
    }
    kept = select(Copy).where(Copy.aip_id.in_(bags), Copy.state.not_in(GIVEN_UP))
    for copy in session.execute(kept).scalars():
        store = held.setdefault(copy.store, Held())
        store.copies += 1
        store.bytes += bags[copy.aip_id]
        state = copies.shown_state(copy)
        if state in (CopyState.DAMAGED, CopyState.MISSING, copies.UNREADABLE):
            store.open[state] = store.open.get(state, 0) + 1
        if copy.verified_at is None:
            store.never += 1
            store.unread += 1
            continue
        store.unread += copy.verified_at < period.since
        store.read_since += copy.verified_at >= period.until
        store.oldest = min(store.oldest or copy.verified_at, copy.verified_at)


def _count_events(session: Session, identifiers: Sequence[str], period: Period, held: dict[str, Held]) -> None:
    # Of an article there are few events: to ask for their moment too, or for an order, would lure the database to
    # another index, and to all events of everybody.
    told = select(Event).where(Event.article_id.in_(identifiers))
    for event in session.execute(told).scalars():
        if event.store is None or not period.since <= event.at < period.until:
            continue
        store = held.setdefault(event.store, Held())
        if event.type == EventType.RECOVERY and event.outcome == "success":
            store.found["mended"] = store.found.get("mended", 0) + 1
        outcome = str(event.detail.get("outcome"))
        if event.type == EventType.FIXITY_CHECK and outcome in OUTCOMES and outcome != AuditOutcome.INTACT:
            store.found[outcome] = store.found.get(outcome, 0) + 1


def summed(rows: Sequence[WatchDay]) -> dict[str, int]:
    """The counted numbers of these days, added up."""
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTED}


def _bounded(session: Session, walk: Select[int]) -> Bounded:
    found = session.execute(select(func.count()).select_from(walk.limit(COUNT_NO_FURTHER + 1).subquery())).scalar_one()
    return Bounded(min(found, COUNT_NO_FURTHER), found > COUNT_NO_FURTHER)
