"""Deliveries: accepted once, taken up again after a crash, finished with a receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository.catalogue import changes, tallies, titles
from repository.catalogue.hints import Hint, Work, leave
from repository.catalogue.parts import parts
from repository.catalogue.tallies import Step
from repository.errors import UsageError
from repository.models import Aip, Article, Delivery, DeliveryArticle, DeliveryName, Publisher
from repository.turkish import tr_fold
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding, Stage

OF_PUBLISHER = "deliveries of"
"""The tally of each publisher's deliveries by state; its place is :func:`tally_place`."""

_LONGEST_NAME = 200


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
    session: Session,
    publisher_name: str,
    file_names: Sequence[str],
    sha256: str,
    octets: int,
    at: datetime,
    home: str | None = None,
) -> Delivery:
    """The delivery of these bytes, entered as RECEIVED if it is new; what was found of it before stays as it is.

    ``home`` is where they lie; of bytes that came to several, the one to which they came last.
    """
    publisher = titles.publisher_named(session, publisher_name)
    identifier = delivery_id(publisher.name, sha256)
    delivery = session.get(Delivery, identifier)
    if delivery is None:
        try:
            with session.begin_nested():
                delivery = _entered(session, identifier, publisher, file_names, sha256, octets, at)
        except IntegrityError:
            # Two processes on PostgreSQL were given the same bytes at once, and the other was first.
            delivery = session.get_one(Delivery, identifier)
    if home is not None and delivery.home != home:
        delivery.home = home
        session.flush()
        _leave(session, delivery)
    return delivery


def _leave(session: Session, delivery: Delivery) -> None:
    if delivery.state == DeliveryState.RECEIVED and delivery.home is not None:
        leave(session, Hint(Work.DELIVERY, delivery.id, delivery.home))


def _entered(
    session: Session,
    identifier: str,
    publisher: Publisher,
    file_names: Sequence[str],
    sha256: str,
    octets: int,
    at: datetime,
) -> Delivery:
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
    session.flush()
    session.add_all(DeliveryName(folded=name, delivery_id=identifier) for name in {folded(name) for name in file_names})
    _count(session, delivery, publisher, DeliveryState.RECEIVED, 1)
    session.flush()
    return delivery


def folded(file_name: str) -> str:
    """The name of a delivered file as it is searched: marks and capitals set aside, cut to what an index takes."""
    return tr_fold(file_name)[:_LONGEST_NAME]


def find(session: Session, identifier: str) -> Delivery | None:
    """The delivery of this id, or None."""
    return session.get(Delivery, identifier)


def states_of(session: Session, identifiers: Sequence[str]) -> dict[str, str]:
    """The state of each of these deliveries that is known."""
    found: dict[str, str] = {}
    for some in parts(identifiers):
        rows = session.execute(select(Delivery.id, Delivery.state).where(Delivery.id.in_(some)))
        found |= {row.id: row.state for row in rows}
    return found


def known(session: Session, identifier: str) -> Delivery:
    """The delivery of this id. Raises UsageError when there is none."""
    delivery = find(session, identifier)
    if delivery is None:
        raise UsageError(
            f"no delivery has the id {identifier!r}; `mahfuz status` counts them, /staff/ingest lists them"
        )
    return delivery


def begin(session: Session, identifier: str) -> int:
    """Count one more attempt; how many before it began and never ended: each of those killed its worker."""
    delivery = session.get_one(Delivery, identifier)
    fallen = delivery.begun
    delivery.attempts += 1
    delivery.begun += 1
    delivery.held_up = None
    delivery.stage, delivery.done, delivery.expected = Stage.UNPACKING, 0, 0
    _move(session, delivery, DeliveryState.RECEIVED)
    return fallen


def reached(session: Session, identifier: str, stage: Stage, done: int = 0, expected: int = 0) -> None:
    """Note how far the present attempt has come, for those who watch the queue."""
    session.execute(update(Delivery).where(Delivery.id == identifier).values(stage=stage, done=done, expected=expected))


def kept(session: Session, identifier: str, number: int) -> None:
    """So many more of its articles are registered: whatever fells the program later, this attempt was not in vain."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == identifier)
        .values(stage=Stage.KEEPING, done=Delivery.done + number, begun=1)
    )


def pause(session: Session, identifier: str, cause: str) -> None:
    """The attempt stops without a fault of the delivery, which goes on by itself: ``cause`` is told to operators."""
    delivery = session.get_one(Delivery, identifier)
    delivery.begun = 0
    delivery.held_up = cause
    session.flush()


def requeue(session: Session, identifier: str) -> None:
    """A delivery that waits for a person is worked on again."""
    delivery = session.get_one(Delivery, identifier)
    delivery.begun = 0
    delivery.stage, delivery.done, delivery.expected = None, 0, 0
    _move(session, delivery, DeliveryState.RECEIVED)
    _leave(session, delivery)


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
    delivery.begun, delivery.stage, delivery.held_up = 0, None, None
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


def unfinished(session: Session, home: str) -> list[tuple[str, int]]:
    """The deliveries whose story was interrupted and whose bytes lie in this home, or nobody knows where; the oldest
    first, each with how often the program fell over it."""
    rows = session.execute(
        select(Delivery.id, Delivery.begun)
        .where(Delivery.state == DeliveryState.RECEIVED, or_(Delivery.home == home, Delivery.home.is_(None)))
        .order_by(Delivery.accepted_on, Delivery.id)
    )
    return [(row.id, row.begun) for row in rows]


def is_unfinished(session: Session, identifier: str) -> bool:
    """Whether it is known, and its story was interrupted: it will be taken up again."""
    delivery = session.get(Delivery, identifier)
    return delivery is not None and delivery.state == DeliveryState.RECEIVED


def under_way(session: Session, *, besides: str) -> bool:
    """Whether an attempt at any other delivery has begun and not ended or paused; one that was killed counts too."""
    one = (
        select(Delivery.id)
        .where(Delivery.state == DeliveryState.RECEIVED, Delivery.begun > 0, Delivery.id != besides)
        .limit(1)
    )
    return session.execute(one).first() is not None


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


def kept_of(session: Session, identifier: str) -> list[ArticleLine]:
    """A line for each article that this delivery brought or found unchanged: those of its receipt, and after them those
    that an attempt kept which was killed before it gave one. Of these the name in the delivery is not known."""
    told = [line for line in lines_of(session, identifier) if line.outcome is not ArticleOutcome.REFUSED]
    named = {(line.article_id, line.version) for line in told}
    place = max((line.position for line in told), default=0)
    rows = session.execute(
        select(Aip.article_id, Aip.version, Article.doi, Article.record)
        .join(Article, Article.id == Aip.article_id)
        .where(Aip.delivery_id == identifier)
        .order_by(Aip.id)
    ).all()
    for row in rows:
        if (row.article_id, row.version) in named:
            continue
        place += 1
        line = ArticleLine(
            position=place,
            name="",
            article_id=row.article_id,
            doi=row.doi,
            title=row.record.get("title"),
            version=row.version,
            outcome=ArticleOutcome.ACCEPTED,
            findings=(),
            datestamp=changes.datestamp_of(session, row.article_id, row.version),
        )
        told.append(line)
    return told


def _move(session: Session, delivery: Delivery, state: DeliveryState) -> None:
    if delivery.state == state:
        return
    publisher = publisher_of(session, delivery)
    _count(session, delivery, publisher, delivery.state, -1)
    _count(session, delivery, publisher, state, 1)
    delivery.state = state
    session.flush()


def _count(session: Session, delivery: Delivery, publisher: Publisher, state: str, number: int) -> None:
    """In all, and of this publisher: no page counts deliveries."""
    octets = number * delivery.bytes
    tallies.step(
        session,
        [
            Step("deliveries", state, number, octets),
            Step(OF_PUBLISHER, state, number, octets, tally_place(publisher.slug)),
        ],
    )


def tally_place(slug: str) -> str:
    """A publisher's slug as the place of a tally."""
    return slug[:64]
