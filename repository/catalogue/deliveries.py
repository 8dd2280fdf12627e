"""Deliveries: accepted once, taken up again after a crash, finished with a receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from repository.catalogue import tallies, titles
from repository.errors import UsageError
from repository.models import Delivery, DeliveryArticle, Publisher
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding


@dataclass(frozen=True, slots=True)
class ArticleLine:
    """What one delivery said of one article, as it stands on the receipt."""

    position: int
    name: str
    article_id: str | None
    doi: str | None
    title: str | None
    version: int | None
    outcome: ArticleOutcome
    findings: tuple[Finding, ...]
    datestamp: datetime | None = None
    """The moment from which harvesters are told of this version; None where nothing new was registered."""


def delivery_id(publisher: str, sha256: str) -> str:
    """The same bytes from the same publisher are the same delivery, on any machine."""
    return hashlib.sha256(f"{publisher}\x00{sha256}".encode()).hexdigest()[:32]


def accept(
    session: Session, publisher_name: str, file_names: Sequence[str], sha256: str, octets: int, at: datetime
) -> Delivery:
    """The delivery of these bytes, entered as RECEIVED if it is new; what was found of it before stays as it is."""
    publisher = titles.publisher_named(session, publisher_name)
    identifier = delivery_id(publisher.name, sha256)
    known = session.get(Delivery, identifier)
    if known is not None:
        return known
    delivery = Delivery(
        id=identifier,
        publisher_id=publisher.id,
        file_names=list(file_names),
        sha256=sha256,
        bytes=octets,
        state=DeliveryState.RECEIVED,
        accepted_on=at,
        findings=[],
        attempts=0,
    )
    session.add(delivery)
    tallies.add(session, "deliveries", DeliveryState.RECEIVED, 1, octets)
    session.flush()
    return delivery


def find(session: Session, identifier: str) -> Delivery | None:
    """The delivery of this id, or None."""
    return session.get(Delivery, identifier)


def known(session: Session, identifier: str) -> Delivery:
    """The delivery of this id. Raises UsageError when there is none."""
    delivery = find(session, identifier)
    if delivery is None:
        raise UsageError(
            f"no delivery has the id {identifier!r}; `mahfuz status` counts them, /staff/ingest lists them"
        )
    return delivery


def begin(session: Session, identifier: str) -> int:
    """Count one more attempt and give its number: a delivery that kills its worker again and again is seen by it."""
    delivery = session.get_one(Delivery, identifier)
    delivery.attempts += 1
    _move(session, delivery, DeliveryState.RECEIVED)
    return delivery.attempts


def finish(
    session: Session,
    identifier: str,
    state: DeliveryState,
    findings: Sequence[Finding],
    lines: Sequence[ArticleLine],
    at: datetime,
) -> None:
    """Write the whole receipt: the state, what was found of the delivery, and a line for each article."""
    delivery = session.get_one(Delivery, identifier)
    _move(session, delivery, state)
    delivery.finished_at = at
    delivery.findings = [finding.as_json() for finding in findings]
    session.execute(delete(DeliveryArticle).where(DeliveryArticle.delivery_id == identifier))
    session.add_all(
        DeliveryArticle(
            delivery_id=identifier,
            position=line.position,
            name=line.name,
            article_id=line.article_id,
            doi=line.doi,
            title=line.title,
            version=line.version,
            outcome=line.outcome,
            datestamp=line.datestamp,
            findings=[finding.as_json() for finding in line.findings],
        )
        for line in lines
    )
    session.flush()


def datestamp_of(session: Session, identifier: str, article_id: str, version: int) -> datetime | None:
    """The datestamp that a receipt gives for one version of one article."""
    return session.execute(
        select(DeliveryArticle.datestamp).where(
            DeliveryArticle.delivery_id == identifier,
            DeliveryArticle.article_id == article_id,
            DeliveryArticle.version == version,
            DeliveryArticle.datestamp.is_not(None),
        )
    ).scalar()


def unfinished(session: Session) -> list[str]:
    """The deliveries whose story was interrupted, the oldest first."""
    return list(
        session.execute(
            select(Delivery.id)
            .where(Delivery.state == DeliveryState.RECEIVED)
            .order_by(Delivery.accepted_on, Delivery.id)
        ).scalars()
    )


def publisher_of(session: Session, delivery: Delivery) -> Publisher:
    """Who sent it."""
    return session.get_one(Publisher, delivery.publisher_id)


def lines_of(session: Session, identifier: str) -> Iterator[ArticleLine]:
    """The article lines of a receipt in the order of the delivery, streamed."""
    rows = session.execute(
        select(DeliveryArticle).where(DeliveryArticle.delivery_id == identifier).order_by(DeliveryArticle.position)
    ).scalars()
    for row in rows:
        yield ArticleLine(
            position=row.position,
            name=row.name,
            article_id=row.article_id,
            doi=row.doi,
            title=row.title,
            version=row.version,
            outcome=ArticleOutcome(row.outcome),
            findings=tuple(Finding.from_json(item) for item in row.findings),
            datestamp=row.datestamp,
        )


def _move(session: Session, delivery: Delivery, state: DeliveryState) -> None:
    if delivery.state == state:
        return
    tallies.add(session, "deliveries", delivery.state, -1, -delivery.bytes)
    tallies.add(session, "deliveries", state, 1, delivery.bytes)
    delivery.state = state
    session.flush()
