"""What the watch found that was not whole, and what it mended: the list behind each count of a round or a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from fixity.web.room import Dashboard, asked_publisher
from repository.catalogue import answered
from repository.catalogue.answered import Asked
from repository.catalogue.walks import every
from repository.models import Event, Publisher, Round
from repository.web import paging
from repository.web.tables import csv_answer

A_PAGE = 100
COLUMNS = (
    "at", "found", "article", "version", "store", "round", "seal", "found_sha256", "found_bytes", "detail", "event",
)  # fmt: skip
_LONGEST_NUMBER = 10
_INSTANT = timedelta(microseconds=1)


def found_listed(room: Dashboard) -> ResponseReturnValue:
    """Each copy that was found damaged, missing or unreadable, and each that was mended, the newest first; or as CSV.

    Of one ``round``, one ``store``, one ``publisher``, from one day to another (UTC), or all.
    """
    with room.catalogue.reading() as rows:
        asked, publisher, of_round = _asked(rows)
        if request.args.get("format") == "csv":
            return csv_answer("found", COLUMNS, map(_row, _every(room, asked)))
        before = _place()
        events = answered.listed(rows, asked, before=before, limit=A_PAGE + 1)
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
    answer, number = request.args.get("found") or None, request.args.get("round") or None
    if answer is not None and answer not in answered.ANSWERS:
        raise BadRequest
    publisher, first, last = asked_publisher(rows), paging.asked_day("from"), paging.asked_day("to")
    asked = Asked(
        answer=answer,
        store=paging.asked_store(),
        publisher_id=publisher.id if publisher else None,
        since=_midnight(first) if first else None,
        until=_midnight(last + timedelta(days=1)) if last else None,
    )
    of_round = _round(rows, number) if number else None
    return _of_round(asked, of_round) if of_round else asked, publisher, of_round


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _round(rows: Session, number: str) -> Round:
    if not (number.isascii() and number.isdigit() and len(number) < _LONGEST_NUMBER):
        raise BadRequest
    found = rows.get(Round, int(number))
    if found is None:
        raise NotFound
    return found


def _of_round(asked: Asked, row: Round) -> Asked:
    """Of this round, and looked for nowhere but in its time: not among all that was found since."""
    since = max(filter(None, (asked.since, row.started_at)))
    # A clock that was set back in a round leaves it an end before its beginning, which bounds nothing.
    ended = row.finished_at + _INSTANT if row.finished_at and row.finished_at >= row.started_at else None
    until = min(filter(None, (asked.until, ended)), default=None)
    return replace(asked, round=row.id, since=since, until=until)


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
    answer = answered.answer_of(event)
    found = told.get("after" if answer == answered.MENDED else "sha256")
    return (
        event.at, answer, event.article_id, event.version, event.store, told.get("round"),
        told.get("seal"), found, told.get("found_bytes"), told.get("detail"), event.id,
    )  # fmt: skip
