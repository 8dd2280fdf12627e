"""The door as people see it: what was delivered, what became of it, and each finding with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from ingest.findings import CODES
from ingest.receipts import Receipt
from repository.access.web.guard import Route, Who, lay
from repository.catalogue import Catalogue, browse, deliveries, tallies
from repository.catalogue.browse import DeliveryLine
from repository.models import Delivery
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding
from repository.web import language, paging
from repository.web.tables import csv_answer

A_PAGE = 50
COLUMNS = ("delivery", "publisher", "files", "state", "accepted_on", "finished_at", "bytes", "attempts")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages of the door are given."""

    catalogue: Catalogue


def deliveries_listed(desk: Desk) -> ResponseReturnValue:
    """What was delivered, the newest first, all of it or in one state; as a page or as CSV."""
    state = request.args.get("state") or None
    if state is not None and state not in tuple(DeliveryState):
        raise BadRequest
    if request.args.get("format") == "csv":
        return csv_answer("deliveries", COLUMNS, (_row(line) for line in _every_delivery(desk, state)))
    before = _asked()
    with desk.catalogue.reading() as rows:
        listed = browse.deliveries_listed(rows, state=state, before=before, limit=A_PAGE + 1)
        counts = {name: count.number for (_, name), count in tallies.of(rows, "deliveries").items()}
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.accepted_on.isoformat(), line.id))
    return render_template(
        "ingest/deliveries.html",
        lines=shown,
        following=following,
        state=state,
        states=list(DeliveryState),
        counts=counts,
        begun=before is not None,
        as_csv=paging.here(format="csv", after=None),
    )


def receipt(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The receipt of one delivery: its state, what was found, and what became of each article."""
    after = paging.asked_key(int)
    with desk.catalogue.reading() as rows:
        delivery = _delivery(rows, identifier)
        publisher = deliveries.publisher_of(rows, delivery).name
        listed = browse.delivery_articles(rows, identifier, after=after[0] if after else -1, limit=A_PAGE + 1)
        outcomes = browse.outcomes_of(rows, identifier)
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.position,))
    return render_template(
        "ingest/receipt.html",
        delivery=delivery,
        publisher=publisher,
        findings=[Finding.from_json(item) for item in delivery.findings],
        lines=[(line, [Finding.from_json(item) for item in line.findings]) for line in shown],
        outcomes=outcomes,
        every_outcome=list(ArticleOutcome),
        following=following,
        begun=after is not None,
        what=what,
        remedy=remedy,
    )


def receipt_json(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The receipt as the contract prints it."""
    with desk.catalogue.reading() as rows:
        delivery = _delivery(rows, identifier)
        whole = Receipt(
            delivery_id=delivery.id,
            publisher=deliveries.publisher_of(rows, delivery).name,
            file_names=tuple(delivery.file_names),
            sha256=delivery.sha256,
            bytes=delivery.bytes,
            accepted_on=delivery.accepted_on,
            finished_at=delivery.finished_at,
            state=DeliveryState(delivery.state),
            findings=tuple(Finding.from_json(item) for item in delivery.findings),
            articles=tuple(deliveries.lines_of(rows, identifier)),
        )
    return jsonify(whole.as_json())


def what(found: Finding) -> str:
    """What was found, in the reader's language; what this version does not know is said as it was written down."""
    said = _filled(CODES[found.code].message, found) if found.code in CODES else None
    if said is None:
        return found.message
    detail = found.params.get("detail")
    return f"{said}: {detail}" if detail else said + "."


def remedy(found: Finding) -> str:
    """What to do about it, in the reader's language; else as it was written down."""
    said = _filled(CODES[found.code].remedy, found) if found.code in CODES else None
    return found.remedy if said is None else said


def blueprint(desk: Desk) -> Blueprint:
    """The pages of the door, all of them for staff."""
    return lay(
        Blueprint("ingest", __name__, template_folder="templates"),
        desk,
        (
            Route("/staff/ingest", deliveries_listed, Who.STAFF),
            Route("/deliveries/<hex32:identifier>", receipt, Who.STAFF),
            Route("/deliveries/<hex32:identifier>.json", receipt_json, Who.STAFF),
        ),
    )


def _filled(sentence: str, found: Finding) -> str | None:
    try:
        return language.gettext(sentence).format_map(found.params)
    except KeyError:  # written down by another version, which knew other parameters
        return None


def _delivery(rows: Session, identifier: str) -> Delivery:
    delivery = rows.get(Delivery, identifier)
    if delivery is None:
        raise NotFound
    return delivery


def _asked() -> tuple[datetime, str] | None:
    key = paging.asked_key(str, str)
    return (paging.moment_in(key[0]), key[1]) if key else None


def _every_delivery(desk: Desk, state: str | None) -> Iterator[DeliveryLine]:
    before = None
    while True:
        with desk.catalogue.reading() as rows:
            page = browse.deliveries_listed(rows, state=state, before=before, limit=500)
        yield from page
        if len(page) < 500:
            return
        before = (page[-1].accepted_on, page[-1].id)


def _row(line: DeliveryLine) -> tuple[object, ...]:
    names = "; ".join(islice(line.file_names, 20))
    return (line.id, line.publisher, names, line.state, line.accepted_on, line.finished_at, line.bytes, line.attempts)
