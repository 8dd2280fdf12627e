"""What waits for a second person, one trigger with what it opens and what was decided, and the form of a new one."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import preview, rehearsal, triggers
from repository.access.triggers import Proposal, Scope
from repository.access.web.guard import member
from repository.catalogue import Catalogue, browse, holdings, titles
from repository.errors import NotNow
from repository.models import Institution, Trigger
from repository.rights import Audience, TriggerKind, TriggerState
from repository.texts import marked
from repository.vocabulary import utc_now
from repository.web import paging, streaming
from repository.web.room import ReadingRoom
from repository.web.streaming import Counter

A_PAGE = 50
TRIALS = 5
MOST_PUBLISHERS = 500
LONGEST_REASON = 2000
LONGEST_LIST = 20_000
_ISSN = re.compile(r"\d{4}-?\d{3}[\dXx]")

NO_JOURNAL = marked("No journal with the ISSN %(issn)s is known.")
NO_PUBLISHER = marked("No publisher %(name)s is known.")
NO_INSTITUTION = marked("No institution with the code %(code)s is known.")
NO_MOMENT = marked("%(typed)s is no moment: for example 2026-12-31 or 2026-12-31T09:00.")


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
    act, now, by = request.form.get("act", ""), utc_now(), _login()
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
            code = triggers.propose(rows, wanted, said, by=_login(), at=now).code
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
    zone = ZoneInfo(room.time_zone)
    effective = _moment(form.get("effective", ""), zone) or now
    nation = form.get("nation") == "yes"
    scope = Scope(
        frozenset() if nation else frozenset(_titles(rows, form.get("titles", "")[:LONGEST_LIST])),
        frozenset() if nation else frozenset(_publishers(rows, form.getlist("publisher"))),
        nation,
        frozenset(_institutions(rows, form.get("institutions", "")[:LONGEST_LIST])),
    )
    reason = form.get("reason", "")[:LONGEST_REASON]
    return Proposal(kind, audience, scope, reason, effective, _moment(form.get("until", ""), zone))


def _titles(rows: Session, text: str) -> list[int]:
    found = []
    for typed in text.replace(",", " ").replace(";", " ").split():
        issn = typed.upper() if "-" in typed else f"{typed[:4]}-{typed[4:]}".upper()
        title = titles.title_by_issn(rows, [issn]) if _ISSN.fullmatch(typed) else None
        if title is None:
            raise NotNow(NO_JOURNAL, issn=typed[:40])
        found.append(title.id)
    return found


def _publishers(rows: Session, names: list[str]) -> list[int]:
    found = []
    for name in names[:MOST_PUBLISHERS]:
        publisher = titles.find_publisher(rows, name) if paging.storable(name) else None
        if publisher is None:
            raise NotNow(NO_PUBLISHER, name=name[:80])
        found.append(publisher.id)
    return found


def _institutions(rows: Session, text: str) -> list[int]:
    found = []
    for code in text.replace(",", " ").replace(";", " ").split():
        asked = select(Institution.id).where(Institution.code == code)
        number = rows.execute(asked).scalar_one_or_none() if paging.storable(code) else None
        if number is None:
            raise NotNow(NO_INSTITUTION, code=code[:40])
        found.append(number)
    return found


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotNow(NO_MOMENT, typed=text[:40]) from None
    if not 1990 < found.year < 2999:
        raise NotNow(NO_MOMENT, typed=text[:40])
    return found if found.tzinfo else found.replace(tzinfo=zone)


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
        telling=_telling(row),
        login=_login(),
        longest=LONGEST_REASON,
        problem=problem,
    )


def _telling(row: Trigger) -> bool:
    """Whether the feed is being told of it at this moment."""
    return row.announced_to is not None


def _login() -> str:
    signed_in = member()
    assert signed_in is not None
    return signed_in.login
