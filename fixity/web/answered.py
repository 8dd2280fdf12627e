"""What the watch found that was not whole, and what it mended: the list behind each count of a round or a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from fixity.web.room import Dashboard
from repository.catalogue import answered, titles
from repository.catalogue.answered import Asked
from repository.catalogue.walks import every
from repository.models import Event, Publisher, Round
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
COLUMNS = (
    "at", "found", "article", "version", "store", "round", "seal", "found_sha256", "found_bytes", "detail", "event",
)  # fmt: skip
_LARGEST_ROUND = 2**31


def found_listed(room: Dashboard) -> ResponseReturnValue:
    """Each copy that was found damaged, missing or unreadable, and each that was mended, the newest first; or as CSV.

    Of one ``round``, one ``store``, one ``publisher``, from one day to another (UTC), or all.
    """
    with room.catalogue.reading() as rows:
        asked, publisher, of_round = _asked(rows)
        if request.args.get("format") != "csv":
            before = _place()
            events = answered.listed(rows, asked, before=before, limit=A_PAGE + 1)
    if request.args.get("format") == "csv":
        return csv_answer("found", COLUMNS, map(_row, _every(room, asked)))
    shown, following = paging.page_of(events, A_PAGE, lambda event: (event.at.isoformat(), event.id))
    return render_template(
        "fixity/found.html",
        lines=[(answered.answer_of(event), event) for event in shown],
        following=following,
        begun=before is not None,
        asked=asked,
        publisher=publisher,
        of_round=of_round,
        answers=answered.ANSWERS,
        to=request.args.get("to") or None,
        here=paging.here,
        as_csv=paging.here(format="csv", after=None),
    )


def _asked(rows: Session) -> tuple[Asked, Publisher | None, Round | None]:
    answer, store = request.args.get("found") or None, request.args.get("store") or None
    slug, number = request.args.get("publisher") or None, request.args.get("round") or None
    if answer is not None and answer not in answered.ANSWERS:
        raise BadRequest
    if any(text is not None and (not paging.storable(text) or len(text) > 400) for text in (store, slug)):
        raise BadRequest
    publisher = titles.publisher_with_slug(rows, slug) if slug else None
    if slug and publisher is None:
        raise NotFound
    first, last = _day("from"), _day("to")
    try:
        asked = Asked(
            answer=answer,
            store=store,
            publisher_id=publisher.id if publisher else None,
            since=first,
            until=last + timedelta(days=1) if last else None,
        )
    except OverflowError:
        raise BadRequest from None
    if number is None:
        return asked, publisher, None
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise BadRequest
    of_round = rows.get(Round, int(number))
    if of_round is None:
        raise NotFound
    since = max(filter(None, (first, of_round.started_at)))
    return replace(asked, round=of_round.id, since=since), publisher, of_round


def _day(name: str) -> datetime | None:
    text = request.args.get(name)
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) if text else None
    except ValueError:
        raise BadRequest from None


def _place() -> tuple[datetime, int] | None:
    key = paging.asked_key(str, int)
    return (paging.moment_in(key[0]), key[1]) if key else None


def _every(room: Dashboard, asked: Asked) -> Iterator[Event]:
    return every(
        room.catalogue,
        lambda rows, before, limit: answered.listed(rows, asked, before=before, limit=limit),
        lambda event: (event.at, event.id),
    )


def _row(event: Event) -> tuple[object, ...]:
    told = event.detail
    found = told.get("after") if event.type == "recovery" else told.get("sha256")
    return (
        event.at, answered.answer_of(event), event.article_id, event.version, event.store, told.get("round"),
        told.get("seal"), found, told.get("found_bytes"), told.get("detail"), event.id,
    )  # fmt: skip
