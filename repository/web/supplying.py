"""Document supply: a library makes an address for one article, and a reader elsewhere opens it once or a few times."""

from __future__ import annotations

import structlog
from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, Forbidden, Gone, NotFound

from repository.access import readers, supply
from repository.access.readers import How, Library
from repository.access.staff import Role
from repository.access.supply import Terms
from repository.access.web.guard import Member, account
from repository.access.web.readers import supply_cookie
from repository.catalogue import links
from repository.errors import NotNow
from repository.models import Article
from repository.vocabulary import ArticleRecord, ArticleState
from repository.web import opening
from repository.web.reading import main_pdf, versions_of
from repository.web.room import ReadingRoom, file_address

log = structlog.get_logger(__name__)

MOST_LIBRARIES = 2000
_RELATED = 50


def supply_form(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """The form that makes a link, and the link, which is shown once. A librarian supplies for the own institution."""
    signed_in = account()
    assert signed_in is not None
    with room.catalogue.reading() as rows:
        article = _article(rows, identifier)
        libraries = _for_whom(rows, signed_in)
    made, trouble, status = None, None, 200
    if request.method == "POST":
        wanted = next((one for one in libraries if one.code == request.form.get("institution")), None)
        if wanted is None:
            raise BadRequest
        try:
            with room.catalogue.writing() as rows:
                secret = supply.make(
                    rows, _article(rows, identifier), wanted.id, _terms(), by=signed_in.login, at=room.now()
                )
            made = room.absolute(url_for("reading.supplied", secret=secret))
            log.info("a link for supply was made", article=identifier, institution=wanted.code)
        except NotNow as why:
            trouble, status = why, 422
    page = render_template(
        "reading/supply_form.html",
        article=article,
        record=ArticleRecord.from_json(article.record),
        libraries=libraries,
        made=made,
        trouble=trouble,
        most=supply,
    )
    return page, status


def supplied(room: ReadingRoom, secret: str) -> ResponseReturnValue:
    """What a reader opens who was sent a link: by GET it is only shown, so that no machine on the way uses it up."""
    at = room.now()
    with room.catalogue.reading() as rows:
        link = supply.link_of(rows, secret, at)
        if link is None:
            return render_template("reading/supply_over.html"), Gone.code
        article = _article(rows, link.article_id)
        record = ArticleRecord.from_json(article.record)
        pdf = main_pdf(versions_of(rows, article.id))[1]
        notices = opening.notices(links.pointing_at(rows, record, limit=_RELATED))
        library = readers.by_number(rows, link.institution_id, How.NOBODY).library
        left, expires_at = link.left, link.expires_at
    if request.method != "POST":
        page = render_template(
            "reading/supplied.html",
            record=record,
            notices=notices,
            library=library,
            left=left,
            expires_at=expires_at,
            secret=secret,
            pdf=pdf,
        )
        return page, 200, opening.PRIVATE
    with room.catalogue.writing() as rows:
        if not supply.use(rows, secret, at):
            return render_template("reading/supply_over.html"), Gone.code
    log.info("an article was supplied", article=article.id, institution=library.code if library else None)
    path = url_for("reading.article", identifier=article.id)
    answer = make_response(redirect(file_address(article.id, pdf.path) if pdf else path, 303))
    supply_cookie().write(answer, article.id, path)
    return answer


def _terms() -> Terms:
    given = [request.form.get(name, "") for name in ("uses", "hours")]
    if not all(text.isascii() and text.isdigit() and len(text) < 7 for text in given):
        raise BadRequest
    return Terms(*map(int, given))


def _for_whom(rows: Session, signed_in: Member) -> list[Library]:
    if signed_in.role == Role.STAFF:
        return [one for one, _ in readers.libraries(rows, "", after=None, limit=MOST_LIBRARIES)]
    own = readers.by_number(rows, signed_in.institution_id, How.LIBRARIAN).library
    if own is None:
        raise Forbidden
    return [own]


def _article(rows: Session, identifier: str) -> Article:
    found = rows.get(Article, identifier)
    if found is None:
        raise NotFound
    if found.state == ArticleState.WITHDRAWN:
        raise Gone
    return found
