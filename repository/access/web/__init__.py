"""The pages of signing in, signing out and choosing a password."""

from __future__ import annotations

from typing import cast

import flask_login
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from repository.access import staff
from repository.access.staff import Role
from repository.access.web.guard import Member, Route, Who, account, lay
from repository.access.web.sessions import BrowserSession, Door
from repository.access.web.within import local_path
from repository.models import Staff


def sign_in(door: Door) -> ResponseReturnValue:
    """The form, and the answer to it. Every refusal reads the same, whatever its cause."""
    wanted = local_path(request.values.get("next", "")) or ""
    if request.method != "POST":
        if (already := account()) is not None:
            return redirect(wanted or home_of(already))
        return render_template("access/sign_in.html", wanted=wanted, refused=False, login="")
    now, address = door.clock(), request.remote_addr or ""
    if door.throttle.waits(address, now):
        page = render_template("access/sign_in.html", wanted=wanted, refused=False, waits=True, login="")
        return page, 429, {"Retry-After": "900"}
    login = request.form.get("login", "")[:200]
    with door.catalogue.writing() as rows:
        attempt = staff.count_try(rows, login, now)
    if not staff.matches(attempt, request.form.get("password", "")):
        door.throttle.failed(address, now)
        return render_template("access/sign_in.html", wanted=wanted, refused=True, login=login), 422
    assert attempt.staff_id is not None
    with door.catalogue.writing() as rows:
        entered = staff.signed_in(rows, attempt.staff_id)
    signed_in = _begin(entered)
    return redirect(url_for("access.password") if signed_in.must_change else wanted or home_of(signed_in), 303)


def sign_out(_door: Door) -> ResponseReturnValue:
    """The session ends here and in the catalogue."""
    cast(BrowserSession, session._get_current_object()).end()  # type: ignore[attr-defined]
    return redirect(url_for("reading.home"), 303)


def password(door: Door) -> ResponseReturnValue:
    """A new password; every other browser of the account is signed out, this one gets a new session."""
    signed_in = account()
    assert signed_in is not None
    if request.method != "POST":
        return render_template("access/password.html", wrong=None, must=signed_in.must_change)
    old, new = request.form.get("old", ""), request.form.get("new", "")
    wrong = _why_not(door, signed_in, old, new, request.form.get("again", ""))
    if wrong is not None:
        return render_template("access/password.html", wrong=wrong, must=signed_in.must_change), 422
    hashed = staff.hashed(new)
    with door.catalogue.writing() as rows:
        staff.set_password(rows, signed_in.id, hashed)
        entered = staff.signed_in(rows, signed_in.id)
    return redirect(home_of(_begin(entered)), 303)


def home_of(signed_in: Member) -> str:
    """Where an account of this role begins its work."""
    return url_for(_HOMES[Role(signed_in.role)])


_HOMES = {Role.STAFF: "reading.overview", Role.LIBRARIAN: "portal.rights", Role.PUBLISHER: "portal.journals"}


def _why_not(door: Door, signed_in: Member, old: str, new: str, again: str) -> str | None:
    with door.catalogue.writing() as rows:
        attempt = staff.count_try(rows, signed_in.login, door.clock())
    if not staff.matches(attempt, old):
        return "old"
    if new != again:
        return "again"
    if new == old:
        return "same"
    try:
        staff.check_new(signed_in.login, new)
    except staff.PasswordRefused:
        return "weak"
    return None


def _begin(entered: Staff) -> Member:
    cast(BrowserSession, session._get_current_object()).renew()  # type: ignore[attr-defined]
    signed_in = Member(entered)
    flask_login.login_user(signed_in)
    return signed_in


def blueprint(door: Door) -> Blueprint:
    """The pages of signing in."""
    return lay(
        Blueprint("access", __name__),
        door,
        (
            Route("/staff/sign-in", sign_in, Who.EVERYONE, ("GET", "POST")),
            Route("/staff/sign-out", sign_out, Who.ACCOUNT, ("POST",)),
            Route("/staff/password", password, Who.ACCOUNT, ("GET", "POST")),
        ),
    )
