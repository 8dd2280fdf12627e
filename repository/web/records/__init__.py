"""The records of who may read what, as the archive's staff see and keep them."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select, text
from werkzeug.exceptions import NotFound

from repository.access import changes
from repository.access.claims import UNSETTLED
from repository.access.web.guard import Route, Who, lay
from repository.models import Consortium, Entitlement, Institution, Licence
from repository.rights import ClaimState
from repository.web import paging
from repository.web.records import acting, consortia, entitlements, institutions, licences, tables, titles
from repository.web.room import ReadingRoom

_AT = "/staff/access"
_ENTITLEMENT = f"{_AT}/entitlements/<int(max=9223372036854775807):number>"
A_PAGE = 50


def overview(room: ReadingRoom) -> ResponseReturnValue:
    """How many records there are, and which wait for somebody."""
    with room.catalogue.reading() as session:
        numbers = {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in (("institutions", Institution), ("consortia", Consortium), ("licences", Licence))
        }
        waiting = select(Entitlement.state, func.count().label("number")).where(
            Entitlement.state.in_([ClaimState.ASSERTED, ClaimState.DISPUTED]),
            text(UNSETTLED),
        )
        states = {row.state: row.number for row in session.execute(waiting.group_by(Entitlement.state))}
    return render_template("records/overview.html", numbers=numbers, states=states)


def history(room: ReadingRoom, record: str, code: str) -> ResponseReturnValue:
    """Every event of one record, the newest first."""
    before = paging.asked_key(int)
    if not paging.storable(code):
        raise NotFound
    with room.catalogue.reading() as session:
        events = changes.of_record(session, record, code, before=before[0] if before else None, limit=A_PAGE + 1)
    shown, following = paging.page_of(events, A_PAGE, lambda event: (event.id,))
    return render_template(
        "records/history.html", kind=record, code=code, events=shown, following=following, begun=before is not None
    )


def blueprint(room: ReadingRoom) -> Blueprint:
    """The pages of records, all of them for staff."""
    most = acting.MOST_UPLOADED
    return lay(
        Blueprint("records", __name__),
        room,
        (
            Route(_AT, overview, Who.STAFF),
            Route(f"{_AT}/history/<any(institution, consortium, licence):record>/<code>", history, Who.STAFF),
            Route(f"{_AT}/institutions", institutions.listed, Who.STAFF, endpoint="institutions"),
            Route(f"{_AT}/institutions", institutions.enter, Who.STAFF, ("POST",), endpoint="enter_institution"),
            Route(f"{_AT}/institutions/<code>", institutions.one, Who.STAFF, endpoint="institution"),
            Route(f"{_AT}/institutions/<code>", institutions.act, Who.STAFF, ("POST",), endpoint="act_institution"),
            Route(f"{_AT}/consortia", consortia.listed, Who.STAFF, endpoint="consortia"),
            Route(f"{_AT}/consortia", consortia.enter, Who.STAFF, ("POST",), endpoint="enter_consortium"),
            Route(f"{_AT}/consortia/<code>", consortia.one, Who.STAFF, endpoint="consortium"),
            Route(f"{_AT}/consortia/<code>", consortia.act, Who.STAFF, ("POST",), endpoint="act_consortium"),
            Route(f"{_AT}/licences", licences.listed, Who.STAFF, endpoint="licences"),
            Route(f"{_AT}/licences", licences.enter, Who.STAFF, ("POST",), endpoint="enter_licence"),
            Route(f"{_AT}/licences/<code>", licences.one, Who.STAFF, endpoint="licence"),
            Route(f"{_AT}/licences/<code>", licences.act, Who.STAFF, ("POST",), endpoint="act_licence"),
            Route(f"{_AT}/licences/<code>/documents", licences.attach, Who.STAFF, ("POST",), most_sent=most),
            Route(f"{_AT}/licences/<code>/titles", titles.listed, Who.STAFF, endpoint="titles"),
            Route(f"{_AT}/licences/<code>/titles", titles.load, Who.STAFF, ("POST",), "load_titles", most),
            Route(f"{_AT}/documents/<sha256>", licences.document, Who.STAFF),
            Route(f"{_AT}/entitlements", entitlements.listed, Who.STAFF, endpoint="entitlements"),
            Route(_ENTITLEMENT, entitlements.one, Who.STAFF, endpoint="entitlement"),
            Route(
                _ENTITLEMENT,
                entitlements.act,
                Who.STAFF,
                ("POST",),
                "act_entitlement",
                most,
            ),
            Route(f"{_AT}/tables", tables.form, Who.STAFF, endpoint="tables"),
            Route(f"{_AT}/tables", tables.load, Who.STAFF, ("POST",), "load_table", most),
            Route(f"{_AT}/tables/<name>.csv", tables.written, Who.STAFF, endpoint="table"),
        ),
    )
