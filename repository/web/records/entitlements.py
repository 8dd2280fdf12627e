"""The pages of entitlements: which wait for somebody, what was said of one, and what the archive decides."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import claims, documents, institutions, words
from repository.access.title_lists import NO_LONGER
from repository.errors import NotNow, UsageError
from repository.rights import ClaimState, Side
from repository.web import paging
from repository.web.records import acting
from repository.web.room import ReadingRoom

A_PAGE = 50
WAITING = (ClaimState.ASSERTED, ClaimState.DISPUTED)


def listed(room: ReadingRoom) -> ResponseReturnValue:
    """Entitlements that wait for somebody, in one state, or of one institution's own, in the order they came in."""
    after, state = paging.asked_key(int), acting.asked("state") or None
    if state is not None and state not in tuple(ClaimState):
        raise BadRequest
    with room.catalogue.reading() as session:
        code = acting.asked("institution")
        whose = acting.or_not_found(institutions.named, session, code) if code else None
        states = (state,) if state else () if whose else tuple(WAITING)
        found = claims.listed(
            session, institution=whose, states=states, after=after[0] if after else 0, limit=A_PAGE + 1
        )
    shown, following = paging.page_of(found, A_PAGE, lambda line: (line.row.id,))
    return render_template(
        "records/entitlements.html",
        lines=shown,
        following=following,
        begun=after is not None,
        state=state,
        institution=whose,
        states=list(ClaimState),
    )


def one(room: ReadingRoom, number: int, no: UsageError | None = None) -> ResponseReturnValue:
    """One entitlement with every act, and what the archive may say next."""
    with room.catalogue.reading() as session:
        line = _line(session, number)
        acts = claims.acts_of(session, line.row)
    page = render_template(
        "records/entitlement.html",
        line=line,
        acts=acts,
        open=claims.may(line.row, Side.ARCHIVE),
        no_longer=NO_LONGER,
        problem=no,
        typed=request.form if no else {},
        most=documents.MOST >> 20,
    )
    return page, 422 if no else 200


def act(room: ReadingRoom, number: int) -> ResponseReturnValue:
    """What the archive says of it, with a document that bears witness where one is sent."""
    with room.catalogue.reading() as session:
        _line(session, number)
    said = acting.given("act", "reason", "on")
    name, content = acting.uploaded()

    def decide(session: Session, by: str, at: Any) -> None:
        if said["act"] == "end":
            day = words.day(said["on"])
            if day is None:
                raise NotNow(words.BAD_DAY, given="")
            claims.end(session, by, number, day, said["reason"], at=at)
            return
        evidence = documents.keep(session, by, name, content, at=at) if name else None
        state = words.word(ClaimState, said["act"])
        claims.act(session, by, number, state, Side.ARCHIVE, said["reason"], at=at, document=evidence)

    no = acting.done(room, decide)
    return one(room, number, no) if no else redirect(url_for("records.entitlement", number=number), 303)


def _line(session: Session, number: int) -> claims.Line:
    try:
        return claims.find(session, number)
    except NotNow:
        raise NotFound from None
