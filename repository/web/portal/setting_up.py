"""How a library's readers reach the archive: its networks and logins, what its own systems need, and a test of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from repository.access import institutions, linking, own_networks, readers
from repository.access.institutions import ENTITY, SCOPE
from repository.access.web import origin
from repository.errors import NotNow
from repository.texts import Remark
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.portal.room import Portal, library

_CONTACTS = ("contact", "supply", "resolver")


def access(portal: Portal) -> ResponseReturnValue:
    """The page of the set-up."""
    return _page(portal)


def network(portal: Portal) -> ResponseReturnValue:
    """A range of addresses more, or one less."""
    act, given = request.form.get("act", ""), request.form.get("network", "")[:200]
    if act not in ("add", "drop") or not paging.storable(given):
        raise BadRequest
    now = utc_now()
    try:
        with portal.catalogue.writing() as rows:
            visit, institution = library(rows)
            if act == "drop":
                institutions.drop_network(rows, visit.by, institution, given, at=now)
            elif visit.is_staff:
                institutions.add_network(rows, visit.by, institution, given, at=now)
            else:
                own_networks.add(rows, visit.by, institution, given, at=now)
            address = visit.at("access", saved="network")
    except NotNow as no:
        return _page(portal, no, given if act == "add" else ""), 422
    return redirect(address, 303)


def contacts(portal: Portal) -> ResponseReturnValue:
    """Whom the library's readers are sent to, and its link resolver."""
    given: dict[str, Any] = {name: request.form.get(name, "")[:2000] for name in _CONTACTS}
    if not all(paging.storable(text) for text in given.values()):
        raise BadRequest
    try:
        with portal.catalogue.writing() as rows:
            visit, institution = library(rows)
            said = replace(institutions.described(institution), **given)
            institutions.change(rows, visit.by, institution, said, at=utc_now())
            address = visit.at("access", saved="contacts")
    except NotNow as no:
        return _page(portal, no, contacts=given), 422
    return redirect(address, 303)


def _page(
    portal: Portal, problem: NotNow | None = None, typed: str = "", contacts: dict[str, str] | None = None
) -> str:
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        networks = institutions.networks_of(rows, institution)
        logins = institutions.logins_of(rows, institution)
        remarks: Sequence[Remark] = (
            institutions.remarks(rows, institution) if visit.is_staff else own_networks.remarks(rows, institution)
        )
        here = origin.address()
        met = readers.by_address(rows, here)
    base_url = portal.room.base_url
    return render_template(
        "portal/access.html",
        visit=visit,
        institution=institution,
        networks=networks,
        entities=[one.value for one in logins if one.kind == ENTITY],
        scopes=[one.value for one in logins if one.kind == SCOPE],
        remarks=remarks,
        address=here,
        is_ours=met.library is not None and met.library.id == institution.id,
        templates=linking.templates(base_url, portal.room.archive),
        has_sign_on=portal.room.has_sign_on,
        problem=problem,
        typed=typed,
        contacts=contacts or {name: getattr(institution, name) or "" for name in _CONTACTS},
        saved=request.args.get("saved", ""),
    )
