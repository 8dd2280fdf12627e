"""Receipts of deliveries, what was decided about them, and disposals that wait for somebody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from ingest import receipts
from ingest.ledger_tables.kept import Kept, Told, as_moment, as_text, at_once, since
from ingest.receipts import Receipt
from repository.catalogue import Catalogue, deliveries
from repository.models import Article, Decision, Delivery, Disposal, DisposalTurn
from repository.vocabulary import DeliveryState, DisposalState, TurnState

_PAGE = 200


def _receipts(catalogue: Catalogue, mark: str | None) -> Iterator[Told]:
    rows = select(Delivery.id).where(Delivery.finished_at.is_not(None), Delivery.state != DeliveryState.RECEIVED)
    if (begin := since(mark)) is not None:
        rows = rows.where(Delivery.finished_at >= begin)
    after = ""
    while True:
        with catalogue.reading() as session:
            page = session.execute(rows.where(Delivery.id > after).order_by(Delivery.id).limit(_PAGE)).scalars().all()
            told = [receipts.of_delivery(session, identifier).as_json() for identifier in page]
        yield from told
        if len(page) < _PAGE:
            return
        after = page[-1]


def _enter_receipts(session: Session, told: Sequence[Told], newer: bool) -> None:
    known = deliveries.states_of(session, [one["delivery_id"] for one in told])
    for one in told:
        receipt = Receipt.from_json(dict(one))
        before = known.get(receipt.delivery_id)
        # A delivery that is not finished here goes by its receipt; of two receipts the later one counts.
        if before == receipt.state or not (newer or before in (None, DeliveryState.RECEIVED)):
            continue
        enter_receipt(session, receipt)


def enter_receipt(session: Session, receipt: Receipt) -> None:
    """A delivery is as its receipt says."""
    deliveries.accept(
        session, receipt.publisher, receipt.file_names, receipt.sha256, receipt.bytes, receipt.accepted_on
    )
    deliveries.finish(
        session,
        receipt.delivery_id,
        receipt.state,
        receipt.findings,
        receipt.articles,
        receipt.finished_at or receipt.accepted_on,
    )


def _decisions(catalogue: Catalogue, mark: str | None) -> list[Told]:
    rows = select(Decision).order_by(Decision.delivery_id, Decision.at, Decision.id)
    if (begin := since(mark)) is not None:
        rows = rows.where(Decision.at >= begin)
    with catalogue.reading() as session:
        return [
            {
                "delivery": row.delivery_id,
                "at": as_text(row.at),
                "verdict": row.verdict,
                "codes": row.codes,
                "reason": row.reason,
                "by": row.by,
            }
            for row in session.execute(rows).scalars()
        ]


def _enter_decisions(session: Session, told: Sequence[Told], _newer: bool) -> None:
    known = deliveries.states_of(session, [one["delivery"] for one in told])
    for one in told:
        at = datetime.fromisoformat(one["at"])
        here = exists().where(
            Decision.delivery_id == one["delivery"], Decision.at == at, Decision.verdict == one["verdict"]
        )
        if one["delivery"] not in known or session.execute(select(here)).scalar_one():
            continue
        values = {name: one[name] for name in ("verdict", "codes", "reason", "by")}
        session.execute(insert(Decision).values(delivery_id=one["delivery"], at=at, **values))


def _disposals(session: Session) -> Iterator[Told]:
    """Those under way of which no notice tells yet; the others come back with the article's notices."""
    rows = select(Disposal).where(
        Disposal.noticed.is_(None), Disposal.state.in_([DisposalState.ASKED, DisposalState.APPROVED])
    )
    for row in session.execute(rows.order_by(Disposal.article_id, Disposal.id)).scalars().all():
        turns = select(DisposalTurn.store).where(DisposalTurn.disposal_id == row.id).order_by(DisposalTurn.position)
        yield {
            "article": row.article_id,
            "asked_at": as_text(row.asked_at),
            "version": row.version,
            "bags": row.bags,
            "asked_by": row.asked_by,
            "reason": row.reason,
            "wait_days": row.wait_days,
            "delay_days": row.delay_days,
            "stores": list(session.execute(turns).scalars()),
        }


def _enter_disposals(session: Session, told: Sequence[Told], _newer: bool) -> None:
    """They wait for a second person anew: nothing that lies in a store ever leads to a deletion by itself."""
    for one in told:
        known = select(Disposal.id).where(Disposal.article_id == one["article"])
        if session.get(Article, one["article"]) is None or session.execute(known).first() is not None:
            continue
        row = Disposal(
            article_id=one["article"],
            asked_at=as_moment(one["asked_at"]),
            state=DisposalState.ASKED,
            **{name: one[name] for name in ("version", "bags", "asked_by", "reason", "wait_days", "delay_days")},
        )
        session.add(row)
        session.flush()
        session.add_all(
            DisposalTurn(disposal_id=row.id, position=position, store=store, state=TurnState.WAITING)
            for position, store in enumerate(one["stores"])
        )
        session.flush()


DELIVERIES = (
    Kept("receipts", _receipts, _enter_receipts, key=("delivery_id",), grows=True, moment="finished_at"),
    Kept("decisions", _decisions, _enter_decisions, key=("delivery", "at", "verdict"), grows=True, moment="at"),
    Kept("disposals", at_once(_disposals), _enter_disposals, key=("article", "asked_at"), after_bags=True),
)
