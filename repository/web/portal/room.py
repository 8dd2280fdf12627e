"""What the pages of libraries and publishers are given, and whose page it is that is being asked for.

A librarian's pages are those of one institution and a publisher's those of one publisher, whatever the address says;
the archive's staff open them for any, which the address names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from repository.access import institutions
from repository.access.staff import Role
from repository.access.web.counter import Usage
from repository.access.web.guard import Member, account
from repository.catalogue import Catalogue, browse, titles
from repository.models import Institution, Publisher
from repository.rights import Side
from repository.web import paging
from repository.web.room import ReadingRoom

MOST_TO_CHOOSE = 2000


@dataclass(frozen=True, slots=True)
class Portal:
    """The archive as libraries and publishers meet it."""

    room: ReadingRoom
    usage: Usage
    admin_email: str

    @property
    def catalogue(self) -> Catalogue:
        """Its rows."""
        return self.room.catalogue

    @property
    def stores(self) -> Sequence[str]:
        """Every store in which a copy must be intact before anything is called preserved."""
        return self.room.counter.store_order

    def now(self) -> datetime:
        """The present moment in the archive's time zone."""
        return self.room.now()


class Choose(Exception):
    """A member of staff has not said whose page is meant."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and for whom."""

    member: Member
    question: dict[str, str]
    """What every address of these pages carries, so that staff stay with whom they chose."""

    @property
    def is_staff(self) -> bool:
        """Whether it is the archive that asks, and not the library or the publisher itself."""
        return self.member.role == Role.STAFF

    @property
    def by(self) -> str:
        """The login under which things are done."""
        return self.member.login

    def at(self, endpoint: str, **values: object) -> str:
        """The address of another of these pages."""
        return url_for(f"portal.{endpoint}", **values, **self.question)  # type: ignore[arg-type]


def library(rows: Session) -> tuple[Visit, Institution]:
    """Whose librarian asks, or the institution that the address names. Raises Choose, Forbidden, NotFound."""
    member, code = _member(), _asked("institution")
    if member.role == Role.LIBRARIAN:
        own = rows.get(Institution, member.institution_id)
        if own is None or not own.active or (code and code != own.code):
            raise Forbidden
        return Visit(member, {}), own
    if not code:
        raise Choose
    found = institutions.find(rows, code)
    if found is None:
        raise NotFound
    return Visit(member, {"institution": found.code}), found


def publisher(rows: Session) -> tuple[Visit, Publisher]:
    """Whose account asks, or the publisher that the address names. Raises Choose, Forbidden, NotFound."""
    member, name = _member(), _asked("publisher")
    if member.role == Role.PUBLISHER:
        own = rows.get(Publisher, member.publisher_id)
        if own is None or (name and name != own.name):
            raise Forbidden
        return Visit(member, {}), own
    if not name:
        raise Choose
    found = titles.find_publisher(rows, name)
    if found is None:
        raise NotFound
    return Visit(member, {"publisher": found.name}), found


def side_of(visit: Visit, own: Side) -> Side:
    """For whom something is said: staff speak for the archive and never for a library or a publisher."""
    return Side.ARCHIVE if visit.is_staff else own


def choosing(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """``view``, before which staff choose whose page they want."""

    def chosen(portal: Portal, **values: object) -> ResponseReturnValue:
        try:
            return view(portal, **values)
        except Choose:
            if request.method != "GET":
                raise BadRequest from None
            return _choice(portal)

    chosen.__name__, chosen.__doc__, chosen.__module__ = view.__name__, view.__doc__, view.__module__
    return chosen


def _choice(portal: Portal) -> str:
    of_library = request.path.startswith(url_for("portal.rights"))
    with portal.catalogue.reading() as rows:
        if of_library:
            every = select(Institution.code, Institution.name).order_by(Institution.sort_key, Institution.id)
            known = [(code, name) for code, name in rows.execute(every.limit(MOST_TO_CHOOSE))]
        else:
            known = [(name, name) for name in browse.publisher_names(rows, limit=MOST_TO_CHOOSE)]
    kept = {name: value for name, value in request.args.items() if name not in ("institution", "publisher", "lang")}
    return render_template("portal/choose.html", of_library=of_library, known=known, kept=kept)


def _member() -> Member:
    signed_in = account()
    assert signed_in is not None
    return signed_in


def _asked(name: str) -> str:
    found = request.args.get(name, "")
    if not paging.storable(found) or len(found) > 200:
        raise BadRequest
    return found
