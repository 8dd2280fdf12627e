"""The pages of consortia."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from repository.access import changes, consortia, institutions, words
from repository.errors import NotNow, UsageError
from repository.web import paging
from repository.web.records import acting
from repository.web.records.acting import Act
from repository.web.room import ReadingRoom

A_PAGE = 50


def listed(room: ReadingRoom, no: UsageError | None = None) -> ResponseReturnValue:
    """Consortia by their codes, and the form for a new one."""
    after = paging.asked_key(str)
    with room.catalogue.reading() as session:
        found = consortia.listed(session, after=after[0] if after else "", limit=A_PAGE + 1)
        shown, following = paging.page_of(found, A_PAGE, lambda row: (row.code,))
        members = consortia.member_counts(session, shown, room.now().date())
    page = render_template(
        "records/consortia.html",
        lines=shown,
        members=members,
        following=following,
        begun=after is not None,
        problem=no,
        typed=request.form,
    )
    return page, 422 if no else 200


def enter(room: ReadingRoom) -> ResponseReturnValue:
    """A new consortium."""
    said = acting.given("code", "name")
    code = said["code"].strip()
    no = acting.done(room, lambda session, by, at: consortia.enter(session, by, code, said["name"], at=at))
    return listed(room, no) if no else redirect(url_for("records.consortium", code=code), 303)


def one(room: ReadingRoom, code: str, no: UsageError | None = None) -> ResponseReturnValue:
    """One consortium with everyone who belongs or belonged to it."""
    with room.catalogue.reading() as session:
        row = acting.or_not_found(consortia.named, session, code)
        page: dict[str, Any] = {
            "row": row,
            "members": consortia.members(session, row),
            "events": changes.of_record(session, consortia.RECORD, row.code, limit=10),
        }
    today = room.now().date()
    return (
        render_template("records/consortium.html", today=today, problem=no, typed=request.form, **page),
        422 if no else 200,
    )


def act(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """What the form says is done to a consortium."""
    with room.catalogue.reading() as session:
        acting.or_not_found(consortia.named, session, code)
    said = acting.given("name", "institution", "since", "until", "on")

    def join(session: Any, by: str, at: Any) -> None:
        row, institution = consortia.named(session, code), institutions.named(session, said["institution"])
        consortia.join(session, by, row, institution, words.day(said["since"]), words.day(said["until"]), at=at)

    def leave(session: Any, by: str, at: Any) -> None:
        row, institution, on = (
            consortia.named(session, code),
            institutions.named(session, said["institution"]),
            words.day(said["on"]),
        )
        if on is None:
            raise NotNow(words.BAD_DAY, given="")
        consortia.leave(session, by, row, institution, on, at=at)

    acts: dict[str, Act] = {
        "rename": lambda session, by, at: consortia.rename(
            session, by, consortia.named(session, code), said["name"], at=at
        ),
        "join": join,
        "leave": leave,
    }
    no = acting.done(room, acting.chosen(acts))
    return one(room, code, no) if no else redirect(url_for("records.consortium", code=code), 303)
