"""Digests: which span of days each publisher was told of, what there is to tell of one, and who is sending it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from repository.models import Delivery, DeliveryArticle, Digest, Publisher
from repository.vocabulary import ArticleOutcome, DeliveryState, DigestState, Finding

_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """One article that was refused, and why."""

    name: str
    doi: str | None
    title: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery as a digest tells it; ``refusals`` are the first of the articles refused."""

    id: str
    file_names: tuple[str, ...]
    state: DeliveryState
    accepted_on: datetime
    findings: tuple[Finding, ...]
    outcomes: Mapping[str, int]
    refusals: tuple[Refusal, ...]


def last_end(session: Session, publisher: Publisher) -> datetime | None:
    """The midnight to which this publisher has been told, or will be by what waits; None before the first digest."""
    return session.execute(select(func.max(Digest.until)).where(Digest.publisher_id == publisher.id)).scalar()


def plan(session: Session, publisher: Publisher, since: datetime, until: datetime, at: datetime) -> Digest:
    """Enter the digest of a span: WAITING, or EMPTY when nothing came in and nothing was finished in it."""
    last = session.execute(
        select(Digest).where(Digest.publisher_id == publisher.id).order_by(Digest.until.desc()).limit(1)
    ).scalar_one_or_none()
    state = DigestState.WAITING if anything(session, publisher, since, until) else DigestState.EMPTY
    if last is not None and last.state == DigestState.EMPTY:
        session.delete(last)  # a year without deliveries is one row
        session.flush()
    digest = Digest(
        publisher_id=publisher.id, until=until, since=since, state=state, told=[], made_at=at, attempts=0, next_try=at
    )
    session.add(digest)
    session.flush()
    return digest


def anything(session: Session, publisher: Publisher, since: datetime, until: datetime) -> bool:
    """Whether there is anything to tell of this span."""
    finished = exists().where(
        Delivery.publisher_id == publisher.id, Delivery.finished_at >= since, Delivery.finished_at < until
    )
    return bool(session.execute(select(or_(finished, exists().where(*_in_progress(publisher, since, until))))).scalar())


def unsent(session: Session, publisher: Publisher, *, refused: bool, due: datetime | None) -> Sequence[Digest]:
    """The digests of this publisher that wait for the mail server, the oldest first.

    ``refused``: and those that it will not take as they are. ``due``: only those whose next attempt has come by then.
    """
    states = [DigestState.WAITING, *([DigestState.REFUSED] if refused else [])]
    asked = select(Digest).where(Digest.publisher_id == publisher.id, Digest.state.in_(states))
    if due is not None:
        asked = asked.where(Digest.next_try <= due)
    return session.execute(asked.order_by(Digest.until)).scalars().all()


def waiting(session: Session) -> Mapping[str, tuple[int, datetime, str | None]]:
    """By state how many digests were not taken yet, since when the first of them waits, and its problem."""
    found: dict[str, tuple[int, datetime, str | None]] = {}
    for state in (DigestState.WAITING, DigestState.REFUSED):
        rows = session.execute(
            select(Digest.made_at, Digest.problem).where(Digest.state == state, Digest.attempts > 0)
        ).all()
        if rows:
            first = min(rows, key=lambda row: row.made_at)
            found[state] = (len(rows), first.made_at, first.problem)
    return found


def claim(session: Session, digest: Digest, lease: str, now: datetime, until: datetime) -> Digest | None:
    """Take the digest for sending, unless another process has it or has sent it meanwhile."""
    taken = session.execute(
        update(Digest)
        .where(
            Digest.publisher_id == digest.publisher_id,
            Digest.until == digest.until,
            Digest.state.in_([DigestState.WAITING, DigestState.REFUSED]),
            or_(Digest.lease.is_(None), Digest.lease_until < now),
        )
        .values(lease=lease, lease_until=until)
    ).rowcount  # type: ignore[attr-defined]
    return session.get_one(Digest, (digest.publisher_id, digest.until), populate_existing=True) if taken else None


def deliveries_told(
    session: Session, publisher: Publisher, since: datetime, until: datetime, refusals: int
) -> Iterator[Told]:
    """What was finished in the span, in that order, then what came in then and is still worked on; streamed.

    ``refusals``: of so many refused articles of one delivery the findings are read.
    """
    finished = select(Delivery).where(
        Delivery.publisher_id == publisher.id, Delivery.finished_at >= since, Delivery.finished_at < until
    )
    in_progress = select(Delivery).where(*_in_progress(publisher, since, until))
    for asked, moment in ((finished, Delivery.finished_at), (in_progress, Delivery.accepted_on)):
        after: tuple[datetime | None, str] | None = None
        while True:
            part = asked if after is None else asked.where(tuple_(moment, Delivery.id) > after)
            page = session.execute(part.order_by(moment, Delivery.id).limit(_A_PAGE)).scalars().all()
            yield from _told(session, page, refusals)
            if len(page) < _A_PAGE:
                break
            after = (page[-1].finished_at if moment is Delivery.finished_at else page[-1].accepted_on, page[-1].id)


def _in_progress(publisher: Publisher, since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.publisher_id == publisher.id,
        Delivery.state == DeliveryState.RECEIVED,
        Delivery.accepted_on >= since,
        Delivery.accepted_on < until,
        Delivery.finished_at.is_(None),
    )


def _told(session: Session, page: Sequence[Delivery], refusals: int) -> Iterator[Told]:
    names = [delivery.id for delivery in page]
    outcomes: dict[str, dict[str, int]] = {}
    refused: dict[str, list[Refusal]] = {}
    counted = (
        select(DeliveryArticle.delivery_id, DeliveryArticle.outcome, func.count())
        .where(DeliveryArticle.delivery_id.in_(names))
        .group_by(DeliveryArticle.delivery_id, DeliveryArticle.outcome)
    )
    for identifier, outcome, number in session.execute(counted):
        outcomes.setdefault(identifier, {})[outcome] = number
    place = func.row_number().over(partition_by=DeliveryArticle.delivery_id, order_by=DeliveryArticle.position)
    first = (
        select(DeliveryArticle.delivery_id, DeliveryArticle.position, place.label("place"))
        .where(DeliveryArticle.delivery_id.in_(names), DeliveryArticle.outcome == ArticleOutcome.REFUSED)
        .subquery()
    )
    rows = select(DeliveryArticle).join(
        first,
        (DeliveryArticle.delivery_id == first.c.delivery_id)
        & (DeliveryArticle.position == first.c.position)
        & (first.c.place <= refusals),
    )
    for line in session.execute(rows.order_by(DeliveryArticle.delivery_id, DeliveryArticle.position)).scalars():
        refused.setdefault(line.delivery_id, []).append(
            Refusal(line.name, line.doi, line.title, tuple(map(Finding.from_json, line.findings)))
        )
    for delivery in page:
        yield Told(
            delivery.id,
            tuple(delivery.file_names),
            DeliveryState(delivery.state),
            delivery.accepted_on,
            tuple(map(Finding.from_json, delivery.findings)),
            outcomes.get(delivery.id, {}),
            tuple(refused.get(delivery.id, ())),
        )
