"""Who reads: by this browser's sign-on, by an account of the archive or of a library, by the address; or nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from flask import Flask, current_app, g, request
from sqlalchemy.orm import Session

from repository.access import readers
from repository.access.entitlement import Reader
from repository.access.readers import How, Known
from repository.access.staff import Role
from repository.access.web import origin
from repository.access.web.guard import account
from repository.access.web.sign_on_cookie import SignOnCookie
from repository.access.web.supply import SupplyCookie
from repository.catalogue import Catalogue

_EXTENSION = "mahfuz sign-on"
_SUPPLY = "mahfuz supply"


def know_readers(app: Flask, cookie: SignOnCookie, supplied: SupplyCookie) -> None:
    """Teach ``app`` the cookies by which sign-ons, and uses of links for supply, are remembered."""
    app.extensions[_EXTENSION], app.extensions[_SUPPLY] = cookie, supplied


def sign_on_cookie() -> SignOnCookie:
    """The cookie of the app that is answering."""
    return cast(SignOnCookie, current_app.extensions[_EXTENSION])


def supply_cookie() -> SupplyCookie:
    """That of links for supply."""
    return cast(SupplyCookie, current_app.extensions[_SUPPLY])


def reader(rows: Session) -> Reader:
    """The reader of the request that is being answered, as far as it decides."""
    return known(rows).reader


def of_request(catalogue: Catalogue) -> Reader:
    """The same for who holds no session of the catalogue: one is opened only where nobody has asked yet."""
    if "reader" in g:
        return cast(Known, g.reader).reader
    with catalogue.reading() as rows:
        return reader(rows)


def known(rows: Session) -> Known:
    """Who reads, found out once for each request. Raises DatabaseUnavailable.

    A sign-on comes first, then an account, then the address; whoever is known by none of them is nobody. The archive's
    staff read as staff wherever they sit, so that no library's readers are counted among them.
    """
    if "reader" not in g:
        found = _known(rows)
        article = (request.view_args or {}).get("identifier")
        if isinstance(article, str) and supply_cookie().opens(article):
            found = replace(found, reader=replace(found.reader, supplied=True))
        g.reader = found
    return cast(Known, g.reader)


def _known(rows: Session) -> Known:
    signed_in = account()
    if signed_in is not None and signed_in.role == Role.STAFF and not signed_in.must_change:
        return Known(Reader(staff=True), How.STAFF)
    if (remembered := sign_on_cookie().read()) is not None:
        found = readers.by_code(rows, remembered.institution, remembered.how, remembered.until)
        if found.library is not None:
            return found
    if signed_in is not None and signed_in.role == Role.LIBRARIAN and not signed_in.must_change:
        found = readers.by_number(rows, signed_in.institution_id, How.LIBRARIAN)
        if found.library is not None:
            return found
    return readers.by_address(rows, origin.address())
