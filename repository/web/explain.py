"""Test as a reader: what the archive would say of one article to readers of an institution, and all that it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from repository.access import readers, told
from repository.access.entitlement import SENTENCES
from repository.access.explain import explained, moment_of
from repository.access.readers import How, Known, Library
from repository.access.staff import Role
from repository.access.web.guard import account
from repository.catalogue import holdings
from repository.texts import marked
from repository.web import language, paging
from repository.web.room import ReadingRoom

MOST = 2000
NO_ARTICLE = marked("No article has this number or DOI here.")
NO_ADDRESS = marked("This address lies in no range of the institution.")
SEVERAL = marked("This address lies in ranges of several institutions, none narrower than the other: it is nobody's.")


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in."""

    institution: str
    address: str
    article: str
    day: str


def explain(room: ReadingRoom) -> ResponseReturnValue:
    """The form, and the answer below it. A librarian asks for the own institution alone."""
    given = {name: request.args.get(name, "").strip()[:300] for name in ("institution", "address", "article", "day")}
    form = Form(**{name: text if paging.storable(text) else "" for name, text in given.items()})
    on = moment_of(paging.asked_day("day"), ZoneInfo(room.time_zone))
    with room.catalogue.reading() as rows:
        own = _own(rows)
        libraries = [own] if own else [one for one, _ in readers.libraries(rows, "", after=None, limit=MOST)]
        article = holdings.find_article(rows, form.article) if form.article else None
        known, trouble = _known(rows, form, own)
        asked = explained(rows, article, known, on) if article is not None and trouble is None else None
    if form.article and article is None:
        trouble = NO_ARTICLE
    return render_template(
        "reading/explain.html",
        form=form,
        own=own,
        libraries=libraries,
        asked=asked,
        trouble=trouble,
        told=told,
        say=language.gettext,
        sentences=SENTENCES,
    )


def _own(rows: Session) -> Library | None:
    signed_in = account()
    if signed_in is None or signed_in.role != Role.LIBRARIAN:
        return None
    return readers.by_number(rows, signed_in.institution_id, How.LIBRARIAN).library


def _known(rows: Session, form: Form, own: Library | None) -> tuple[Known, str | None]:
    code = own.code if own else form.institution
    if form.address:
        found = readers.by_address(rows, form.address)
        if found.several:
            return found, SEVERAL
        if code and (found.library is None or found.library.code != code):
            return readers.NOBODY, NO_ADDRESS
        return found, None
    if code:
        return readers.by_code(rows, code, How.NOBODY), None
    return readers.NOBODY, None
