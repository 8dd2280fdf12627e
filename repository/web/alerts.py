"""What is the matter, for the archive's staff: open alerts first, who looks after each, and those that are over."""

from __future__ import annotations

from collections.abc import Iterator

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from repository.access.web.guard import member
from repository.catalogue import alerts, heartbeats
from repository.catalogue.walks import every
from repository.cause_words import RECOVERY, Words, proof, section
from repository.errors import UsageError
from repository.models import Alert
from repository.vocabulary import utc_now
from repository.web import language, paging
from repository.web.room import ReadingRoom
from repository.web.tables import csv_answer

A_PAGE = 25
COLUMNS = (
    "alert", "level", "kind", "subject", "sentence", "objects", "more", "since", "opened_at", "closed_at", "told_at",
    "acknowledged_at", "acknowledged_by", "note", "escalated_at",
)  # fmt: skip


def alerts_listed(room: ReadingRoom) -> ResponseReturnValue:
    """The open alerts, those first that nobody looks after; below them what is over; as a page or all as CSV."""
    words = _words()
    if request.args.get("format") == "csv":
        return csv_answer("alerts", COLUMNS, (_row(alert, words) for alert in _every(room)))
    key = paging.asked_key(str, int)
    before = (paging.moment_in(key[0]), key[1]) if key else None
    with room.catalogue.reading() as rows:
        found = alerts.still_open(rows, limit=None)
        ended = alerts.over(rows, before=before, limit=A_PAGE + 1)
        parts = heartbeats.beats(rows)
    shown, following = paging.page_of(ended, A_PAGE, lambda row: ((row.closed_at or row.opened_at).isoformat(), row.id))
    return render_template(
        "reading/alerts.html",
        unanswered=[alert for alert in found if alert.acknowledged_at is None],
        answered=[alert for alert in found if alert.acknowledged_at is not None],
        ended=shown,
        following=following,
        begun=before is not None,
        parts=[row for name in sorted(parts) for row in parts[name]],
        words=words,
        cause_of=alerts.cause_of,
        proof=proof,
        section=section,
        recovery=RECOVERY,
        failed=request.args.get("failed", type=int),
        as_csv=paging.here(format="csv", after=None, failed=None),
        now=utc_now(),
    )


def acknowledge(room: ReadingRoom, number: int) -> ResponseReturnValue:
    """The signed-in person looks after an alert, with a note or without."""
    signed_in, note = member(), request.form.get("note", "")
    if signed_in is None or not paging.storable(note):
        raise BadRequest
    try:
        with room.catalogue.writing() as rows:
            alerts.acknowledge(rows, number, by=signed_in.login, at=utc_now(), note=note)
    except UsageError:  # over meanwhile
        return redirect(url_for("reading.alerts_listed", failed=number))
    return redirect(url_for("reading.alerts_listed", _anchor=f"alert-{number}"))


def _words() -> Words:
    spoken, code = language.spoken(), language.current()
    return Words(code, spoken.translations[code], spoken.time_zone)


def _every(room: ReadingRoom) -> Iterator[Alert]:
    """All alerts, the open ones first, a page and a short transaction at a time."""
    with room.catalogue.reading() as rows:
        page = alerts.still_open(rows, limit=None)
    yield from page
    yield from every(
        room.catalogue,
        lambda rows, before, limit: alerts.over(rows, before=before, limit=limit),
        lambda alert: (alert.closed_at or alert.opened_at, alert.id),
    )


def _row(alert: Alert, words: Words) -> tuple[object, ...]:
    return (
        alert.id, alert.level, alert.kind, alert.subject, words.sentence(alerts.cause_of(alert)), alert.objects,
        "yes" if alert.more else "no", alert.since, alert.opened_at, alert.closed_at, alert.told_at,
        alert.acknowledged_at, alert.acknowledged_by, alert.note, alert.escalated_at,
    )  # fmt: skip
