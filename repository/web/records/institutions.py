"""The pages of institutions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from repository.access import changes, consortia, institutions, requestors
from repository.access.institutions import ENTITY, FIELDS, SCOPE, Described
from repository.errors import UsageError
from repository.web import paging
from repository.web.records import acting
from repository.web.records.acting import Act
from repository.web.room import ReadingRoom

A_PAGE = 50
_TEXTS = tuple(name for name in FIELDS if name != "active")


def listed(room: ReadingRoom, no: UsageError | None = None) -> ResponseReturnValue:
    """Institutions by the alphabet, or those whose name or code has a word in it; and the form for a new one."""
    after, question = paging.asked_key(str, int), acting.asked("q")
    with room.catalogue.reading() as session:
        found = institutions.listed(session, question, after=(after[0], after[1]) if after else None, limit=A_PAGE + 1)
    shown, following = paging.page_of(found, A_PAGE, lambda row: (row.sort_key, row.id))
    page = render_template(
        "records/institutions.html",
        lines=shown,
        following=following,
        begun=after is not None,
        question=question,
        problem=no,
        typed=request.form,
    )
    return page, 422 if no else 200


def enter(room: ReadingRoom) -> ResponseReturnValue:
    """A new institution."""
    said: dict[str, Any] = dict(acting.given("code", "name", "ror", "isni"))
    code = said.pop("code").strip()
    no = acting.done(room, lambda session, by, at: institutions.enter(session, by, code, Described(**said), at=at))
    return listed(room, no) if no else redirect(url_for("records.institution", code=code), 303)


def one(room: ReadingRoom, code: str, no: UsageError | None = None, key: str = "") -> ResponseReturnValue:
    """One institution: who it is, how its readers and machines are known, and what was done to it."""
    with room.catalogue.reading() as session:
        row = acting.or_not_found(institutions.named, session, code)
        page: dict[str, Any] = {
            "row": row,
            "networks": institutions.networks_of(session, row),
            "remarks": institutions.remarks(session, row),
            "logins": institutions.logins_of(session, row),
            "keys": requestors.of(session, row),
            "memberships": consortia.memberships_of(session, row),
            "events": changes.of_record(session, institutions.RECORD, row.code, limit=10),
        }
    said = {name: getattr(row, name) or "" for name in _TEXTS}
    if no is not None and request.form.get("act") == "change":
        said = acting.given(*_TEXTS)
    return render_template("records/institution.html", said=said, problem=no, key=key, **page), 422 if no else 200


def act(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """What the form says is done to an institution."""
    with room.catalogue.reading() as session:
        acting.or_not_found(institutions.named, session, code)
    value, made = acting.given("value")["value"], []

    def on(change: Any) -> Act:
        return lambda session, by, at: change(session, by, institutions.named(session, code), value, at=at)

    def said(session: Any, by: str, at: Any) -> None:
        row = institutions.named(session, code)
        now = replace(institutions.described(row), **acting.given(*_TEXTS), active="active" in request.form)
        institutions.change(session, by, row, now, at=at)

    def login(change: Any, kind: str) -> Act:
        return lambda session, by, at: change(session, by, institutions.named(session, code), kind, value, at=at)

    acts: dict[str, Act] = {
        "change": said,
        "add-network": on(institutions.add_network),
        "drop-network": on(institutions.drop_network),
        "add-entity": login(institutions.add_login, ENTITY),
        "drop-entity": login(institutions.drop_login, ENTITY),
        "add-scope": login(institutions.add_login, SCOPE),
        "drop-scope": login(institutions.drop_login, SCOPE),
        "make-key": lambda session, by, at: made.append(on(requestors.make)(session, by, at)),
        "close-key": on(requestors.close),
    }
    no = acting.done(room, acting.chosen(acts))
    if no or made:
        return one(room, code, no, str(made[0]) if made and not no else "")
    return redirect(url_for("records.institution", code=code), 303)
