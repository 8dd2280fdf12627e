"""Every page is closed to readers unless it was declared open, with those for whom it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, update_wrapper
from typing import cast

import flask_login
from flask import Blueprint, Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from repository.access import staff
from repository.access.staff import Role
from repository.access.web.sessions import Door, StaffSessions
from repository.models import Staff


class Who(StrEnum):
    """For whom a page is there."""

    EVERYONE = "everyone"
    ACCOUNT = "account"
    """Whoever is signed in with an account, whatever its role."""
    LIBRARIAN = "librarian"
    """Librarians, each for their institution, and the archive's staff."""
    PUBLISHER = "publisher"
    """Accounts of publishers, each for its own, and the archive's staff."""
    STAFF = "staff"


_ADMITTED = {
    Who.ACCOUNT: frozenset(Role),
    Who.LIBRARIAN: frozenset((Role.STAFF, Role.LIBRARIAN)),
    Who.PUBLISHER: frozenset((Role.STAFF, Role.PUBLISHER)),
    Who.STAFF: frozenset((Role.STAFF,)),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address, the function that answers it, and for whom. A room's web face declares its pages as these."""

    rule: str
    view: Callable[..., ResponseReturnValue]
    who: Who = Who.EVERYONE
    methods: Sequence[str] = ("GET",)
    endpoint: str | None = None
    most_sent: int | None = None
    """Bytes that a request may carry, where they are more than those of an ordinary form."""


def lay(blueprint: Blueprint, room: object, routes: Sequence[Route]) -> Blueprint:
    """``blueprint`` with every route laid to its view, whose first argument is ``room``."""
    for route in routes:
        view = update_wrapper(partial(route.view, room), route.view)
        view.who = route.who  # type: ignore[attr-defined]
        view.most_sent = route.most_sent  # type: ignore[attr-defined]
        blueprint.add_url_rule(route.rule, route.endpoint or route.view.__name__, view, methods=list(route.methods))
    return blueprint


class Member:
    """Who is signed in with an account, as Flask-Login wants to see them."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, account: Staff) -> None:
        self.id = account.id
        self.login = account.login
        self.role = account.role
        self.institution_id = account.institution_id
        """Whose librarian it is."""
        self.publisher_id = account.publisher_id
        self.must_change = account.must_change

    @property
    def is_of_nobody(self) -> bool:
        """Whether it is a librarian of no institution or a publisher's of none: it opens nothing but its password."""
        whose = {Role.LIBRARIAN: self.institution_id, Role.PUBLISHER: self.publisher_id}
        return whose.get(Role(self.role), 0) is None

    def get_id(self) -> str:
        """The account's number as text."""
        return str(self.id)


def account() -> Member | None:
    """Whoever is signed in with this browser, whatever the role, or None. Raises DatabaseUnavailable."""
    current = flask_login.current_user
    return cast(Member, current._get_current_object()) if current and current.is_authenticated else None


def member() -> Member | None:
    """The member of the archive's staff who is signed in with this browser, or None. Raises DatabaseUnavailable."""
    signed_in = account()
    return signed_in if signed_in is not None and signed_in.role == Role.STAFF else None


def open_door(app: Flask, door: Door, open_blueprints: Sequence[str] = ()) -> None:
    """Give ``app`` its sessions and its guard: from now on a view that is not declared open is closed.

    ``open_blueprints`` are the names of blueprints that are there for everyone as a whole.
    """
    app.session_interface = StaffSessions(door)
    manager = flask_login.LoginManager()
    manager.session_protection = None  # the secret is the session; a changed address is not a thief
    manager.init_app(app, add_context_processor=False)

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(identifier: str) -> Member | None:
        with door.catalogue.reading() as rows:
            account = staff.active_account(rows, int(identifier))
            return Member(account) if account is not None else None

    @app.before_request
    def _guard() -> ResponseReturnValue | None:
        if request.endpoint is None or request.blueprint in open_blueprints:
            return None
        view = current_app.view_functions[request.endpoint]
        who: Who = getattr(view, "who", Who.STAFF)
        refused = None if who is Who.EVERYONE else _admit(who)
        # Only now, and before the token of the form is looked for in it: nobody else makes us read so much.
        most: int | None = getattr(view, "most_sent", None)
        if refused is None and most is not None:
            request.max_content_length = most
        return refused


def _admit(who: Who) -> ResponseReturnValue | None:
    signed_in = account()
    if signed_in is None:
        if request.method not in ("GET", "HEAD"):
            raise Forbidden
        asked = request.full_path if request.query_string else request.path
        return redirect(url_for("access.sign_in", next=asked))
    if signed_in.must_change and request.endpoint not in ("access.password", "access.sign_out"):
        return redirect(url_for("access.password"))
    if signed_in.role not in _ADMITTED[who] or (who is not Who.ACCOUNT and signed_in.is_of_nobody):
        raise Forbidden
    return None
