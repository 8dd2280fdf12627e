"""What waits for a second person, one trigger with what it opens and what was decided, and the form of a new one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import preview, rehearsal, scoping, triggers
from repository.access.triggers import Proposal
from repository.catalogue import Catalogue, browse, holdings
from repository.errors import NotNow
from repository.rights import Audience, TriggerKind, TriggerState
from repository.texts import marked
from repository.vocabulary import utc_now
from repository.web import paging, streaming
from repository.web.records.acting import login
from repository.web.room import ReadingRoom
from repository.web.streaming import Counter

A_PAGE = 50
TRIALS = 5
MOST_PUBLISHERS = 500
LONGEST_REASON = 2000
LONGEST_LIST = 20_000


def listed(room: ReadingRoom) -> ResponseReturnValue:
    """Every trigger, the newest first; those that wait for a second person stand above."""
    before = paging.asked_key(int)
    now = utc_now()
    with room.catalogue.reading() as rows:
        waiting = triggers.waiting(rows, A_PAGE) if before is None else []
        found = triggers.listed(rows, before=before[0] if before else None, limit=A_PAGE + 1)
        scopes = {row.id: triggers.named(rows, row) for row in (*waiting, *found)}
    shown, following = paging.page_of(found, A_PAGE, lambda row: (row.id,))
    return render_template(
        "access/triggers.html",
        waiting=waiting,
        triggers=shown,
        scopes=scopes,
        state=lambda row: str(triggers.state_of(row, now)),
        following=following,
    )


def one(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """One trigger: what it opens, to whom, from when, who declared it, how it was rehearsed."""
    return _page(room, code)


def decide(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """The signed-in person approves a trigger, refuses it, revokes it, or rehearses it."""
    act, now, by = request.form.get("act", ""), utc_now(), login()
    reason = request.form.get("reason", "")[:LONGEST_REASON]
    with room.catalogue.reading() as rows:
        if not paging.storable(code) or triggers.found(rows, code) is None:
            raise NotFound
    try:
        if act == "rehearse":
            rehearsal.rehearse(room.catalogue, code, partial(read_whole, room.catalogue, room.counter), by=by, at=now)
        elif act == "approve":
            with room.catalogue.writing() as rows:
                triggers.approve(rows, code, by=by, at=now)
        elif act in ("refuse", "revoke"):
            with room.catalogue.writing() as rows:
                {"refuse": triggers.refuse, "revoke": triggers.revoke}[act](rows, code, by=by, reason=reason, at=now)
        else:
            raise BadRequest
    except NotNow as no:
        return _page(room, code, no), 422
    return redirect(url_for("declaring.one", code=code), 303)


def new(room: ReadingRoom) -> ResponseReturnValue:
    """The form of a new trigger; sent with ``act=preview`` it says what would open, with ``act=propose`` it is kept."""
    if request.method != "POST":
        return _form(room)
    now = utc_now()
    try:
        with room.catalogue.reading() as rows:
            wanted = _typed(rows, room, now)
            said = preview.of(rows, wanted)
        if request.form.get("act") == "preview":
            return _form(room, said=said)
        with room.catalogue.writing() as rows:
            code = triggers.propose(rows, wanted, said, by=login(), at=now).code
    except NotNow as no:
        return _form(room, problem=no), 422
    return redirect(url_for("declaring.one", code=code), 303)


def read_whole(catalogue: Catalogue, counter: Counter, article_id: str) -> int:
    """How many bytes the article's file has, once all of them were read and compared. Raises MahfuzError."""
    with catalogue.reading() as rows:
        found = holdings.latest_pdfs(rows, article_id)
        kept = browse.file_of(rows, article_id, found[1][0], found[0]) if found else None
    if kept is None:
        raise NotNow(marked("It has no file that a reader would open."))
    if kept.bytes <= streaming.WHOLE:
        return len(streaming.whole(counter, kept))
    return sum(len(block) for block in streaming.verified(counter, kept))


def _typed(rows: Session, room: ReadingRoom, now: datetime) -> Proposal:
    """The proposal in the form. Raises NotNow for what is not known, BadRequest for what the form does not offer."""
    form = request.form
    try:
        kind, audience = TriggerKind(form.get("kind", "")), Audience(form.get("audience", ""))
    except ValueError:
        raise BadRequest from None
    zone, nation = ZoneInfo(room.time_zone), form.get("nation") == "yes"
    effective = scoping.moment(form.get("effective"), zone) or now
    scope = scoping.scope(
        rows,
        [] if nation else _listed("titles"),
        [] if nation else form.getlist("publisher")[:MOST_PUBLISHERS],
        _listed("institutions"),
        nation=nation,
    )
    reason = form.get("reason", "")[:LONGEST_REASON]
    return Proposal(kind, audience, scope, reason, effective, scoping.moment(form.get("until"), zone))


def _listed(name: str) -> list[str]:
    """The words of a field, divided by blanks, commas or semicolons."""
    return request.form.get(name, "")[:LONGEST_LIST].replace(",", " ").replace(";", " ").split()


def _form(room: ReadingRoom, problem: NotNow | None = None, said: dict[str, Any] | None = None) -> str:
    with room.catalogue.reading() as rows:
        publishers = browse.publisher_names(rows, limit=MOST_PUBLISHERS)
    typed = request.form if request.method == "POST" else request.args
    return render_template(
        "access/trigger_form.html",
        kinds=[str(one) for one in TriggerKind],
        audiences=[str(one) for one in Audience],
        publishers=publishers,
        chosen=typed.getlist("publisher"),
        typed=typed,
        problem=problem,
        said=said,
        longest=LONGEST_REASON,
    )


def _page(room: ReadingRoom, code: str, problem: NotNow | None = None) -> str:
    now = utc_now()
    with room.catalogue.reading() as rows:
        row = triggers.found(rows, code) if paging.storable(code) else None
        if row is None:
            raise NotFound
        scope, trials = triggers.named(rows, row), triggers.trials_of(rows, row, TRIALS)
    state = triggers.state_of(row, now)
    return render_template(
        "access/trigger.html",
        row=row,
        scope=scope,
        state=str(state),
        trials=trials,
        passed=rehearsal.passed,
        waits=state is TriggerState.PROPOSED,
        stands=state in (TriggerState.APPROVED, TriggerState.IN_FORCE),
        telling=row.announced_to is not None,
        login=login(),
        longest=LONGEST_REASON,
        problem=problem,
    )
