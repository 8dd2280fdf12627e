"""A library's usage, its files to subscribe to, and the keys with which its machines fetch both."""

from __future__ import annotations

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from repository.access import requestors
from repository.access.web import usage
from repository.errors import NotNow
from repository.models import Institution
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.portal.room import Portal, Visit, library


def usage_shown(portal: Portal) -> ResponseReturnValue:
    """What the library's readers did, month by month."""
    visit, institution = _whose(portal)
    return usage.page(portal.usage, institution, "portal.report", visit=visit)


def report(portal: Portal, name: str, kind: str) -> ResponseReturnValue:
    """One COUNTER report of the library as a file."""
    _, institution = _whose(portal)
    return usage.given(portal.usage, institution, name, kind)


def files(portal: Portal) -> ResponseReturnValue:
    """The files to subscribe to, the keys, and what a COUNTER client is told."""
    return _page(portal)


def keys(portal: Portal) -> ResponseReturnValue:
    """A key is made, and shown this once; or one is closed."""
    act, name = request.form.get("act", ""), request.form.get("name", "")[:200]
    if act not in ("make", "close") or not paging.storable(name):
        raise BadRequest
    now = utc_now()
    try:
        with portal.catalogue.writing() as rows:
            visit, institution = library(rows)
            if act == "make":
                made = requestors.make(rows, visit.by, institution, name, at=now)
            else:
                requestors.close(rows, visit.by, institution, name, at=now)
    except NotNow as no:
        return _page(portal, problem=no, typed=name), 422
    if act == "close":
        return redirect(visit.at("files"), 303)
    return _page(portal, made=(" ".join(name.split()), made))


def _whose(portal: Portal) -> tuple[Visit, Institution]:
    with portal.catalogue.reading() as rows:
        return library(rows)


def _page(
    portal: Portal, *, made: tuple[str, str] | None = None, problem: NotNow | None = None, typed: str = ""
) -> str:
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        known = requestors.of(rows, institution)
    return render_template(
        "portal/files.html",
        visit=visit,
        institution=institution,
        open_keys=[one for one in known if one.closed_at is None],
        closed_keys=[one for one in known if one.closed_at is not None],
        customer=institution.counter_id or institution.code,
        made=made,
        problem=problem,
        typed=typed,
    )
