"""The pages of licences, and the documents that belong to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import changes, consortia, documents, institutions, licences, terms, words
from repository.access.licences import FIELDS, Described
from repository.catalogue import browse, titles
from repository.errors import NotNow, UsageError
from repository.models import Consortium, Institution
from repository.rights import Basis, Closure, Hosting, LicenceStatus, LicenceType, Perpetual
from repository.web import paging
from repository.web.records import acting
from repository.web.records.acting import Act
from repository.web.room import ReadingRoom

A_PAGE = 50
_MOST_NAMES = 1000
_TRUTHS = ("archival_copy", "supply")
_TEXTS = tuple(name for name in FIELDS if name not in (*_TRUTHS, "closure"))
_WORDS = {
    "types": list(LicenceType),
    "bases": list(Basis),
    "statuses": list(LicenceStatus),
    "closures": list(Closure),
    "clauses": list(Perpetual),
    "hostings": list(Hosting),
}


def listed(room: ReadingRoom, no: UsageError | None = None) -> ResponseReturnValue:
    """Licences by their codes: all, in one status, of one publisher, or those with a word in them; and a form."""
    after, question, status = paging.asked_key(str), acting.asked("q"), acting.asked("status") or None
    if status is not None and status not in tuple(LicenceStatus):
        raise BadRequest
    with room.catalogue.reading() as session:
        slug = acting.asked("publisher")
        publisher = titles.publisher_with_slug(session, slug) if slug else None
        if slug and publisher is None:
            raise NotFound
        found = licences.listed(
            session,
            question,
            status=status,
            publisher_id=publisher.id if publisher else None,
            after=after[0] if after else "",
            limit=A_PAGE + 1,
        )
        names = browse.publisher_names(session, limit=_MOST_NAMES)
    shown, following = paging.page_of(found, A_PAGE, lambda pair: (pair[0].code,))
    page = render_template(
        "records/licences.html",
        lines=shown,
        following=following,
        begun=after is not None,
        question=question,
        status=status,
        publisher=publisher,
        publishers=names,
        problem=no,
        said=acting.given(*_TEXTS, *_TRUTHS, "code") if no else {"status": "draft", "hosting": "on_trigger"},
        **_WORDS,
    )
    return page, 422 if no else 200


def enter(room: ReadingRoom) -> ResponseReturnValue:
    """A new licence."""
    code = acting.given("code")["code"].strip()
    no = acting.done(room, lambda session, by, at: licences.enter(session, by, code, _said(Described("", "")), at=at))
    return listed(room, no) if no else redirect(url_for("records.licence", code=code), 303)


def one(room: ReadingRoom, code: str, no: UsageError | None = None) -> ResponseReturnValue:
    """One licence: what was agreed, when it runs, for whom, with which documents, and what was done to it."""
    with room.catalogue.reading() as session:
        row = acting.or_not_found(licences.named, session, code)
        described = licences.described(session, row)
        page: dict[str, Any] = {
            "row": row,
            "described": described,
            "periods": terms.periods_of(session, row),
            "parties": terms.parties_of(session, row),
            "documents": documents.of(session, row),
            "publishers": browse.publisher_names(session, limit=_MOST_NAMES),
            "events": changes.of_record(session, terms.RECORD, row.code, limit=10),
        }
    said: Mapping[str, object] = {name: _written(getattr(described, name)) for name in (*_TEXTS, *_TRUTHS)}
    if no is not None and request.form.get("act") == "change":
        said = acting.given(*_TEXTS, *_TRUTHS)
    made = render_template(
        "records/licence.html",
        said=said,
        problem=no,
        typed=request.form if no else {},
        today=room.now().date(),
        most=documents.MOST >> 20,
        **page,
        **_WORDS,
    )
    return made, 422 if no else 200


def act(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """What the form says is done to a licence."""
    with room.catalogue.reading() as session:
        acting.or_not_found(licences.named, session, code)
    said = acting.given("since", "until", "reason", "kind", "party", "on", "closure")

    def change(session: Session, by: str, at: Any) -> None:
        row = licences.named(session, code)
        licences.change(session, by, row, _said(licences.described(session, row)), at=at)

    def add_party(session: Session, by: str, at: Any) -> None:
        days = words.day(said["since"]), words.day(said["until"])
        terms.add_party(session, by, licences.named(session, code), _party(session, said), *days, at=at)

    def on(do: Any) -> Act:
        return lambda session, by, at: do(session, by, licences.named(session, code), at)

    acts: dict[str, Act] = {
        "change": change,
        "add-period": on(
            lambda session, by, row, at: terms.add_period(
                session, by, row, words.day(said["since"]), words.day(said["until"]), at=at
            )
        ),
        "end-period": on(
            lambda session, by, row, at: terms.end_period(
                session, by, row, _day(said["since"]), words.day(said["until"]), said["reason"], at=at
            )
        ),
        "drop-period": on(
            lambda session, by, row, at: terms.drop_period(session, by, row, _day(said["since"]), said["reason"], at=at)
        ),
        "add-party": add_party,
        "end-party": on(
            lambda session, by, row, at: terms.end_party(
                session, by, row, _party(session, said), _day(said["on"]), at=at
            )
        ),
        "close": on(
            lambda session, by, row, at: licences.close(
                session, by, row, _day(said["on"]), words.word(Closure, said["closure"]), at=at
            )
        ),
        "reopen": on(lambda session, by, row, at: licences.reopen(session, by, row, said["reason"], at=at)),
    }
    no = acting.done(room, acting.chosen(acts))
    return one(room, code, no) if no else redirect(url_for("records.licence", code=code), 303)


def attach(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """A document belongs to a licence."""
    with room.catalogue.reading() as session:
        acting.or_not_found(licences.named, session, code)
    name, content = acting.uploaded()
    no = acting.done(
        room,
        lambda session, by, at: documents.attach(session, by, licences.named(session, code), name, content, at=at),
    )
    return one(room, code, no) if no else redirect(url_for("records.licence", code=code) + "#documents", 303)


def document(room: ReadingRoom, sha256: str) -> ResponseReturnValue:
    """The bytes of a document, as they were given: to be saved, never to be shown by this site."""
    if not paging.storable(sha256):
        raise BadRequest
    with room.catalogue.reading() as session:
        content = documents.content_of(session, sha256)
        if content is None:
            raise NotFound
        about = documents.about(session, sha256)
    answer = Response(content, mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=about.name)
    return answer


def _said(before: Described) -> Described:
    """What the form says of a licence, over what is kept."""
    texts: dict[str, Any] = {name: text for name, text in acting.given(*_TEXTS).items() if name in request.form}
    truths: dict[str, Any] = {name: words.truth(text) for name, text in acting.given(*_TRUTHS).items()}
    return replace(before, **texts, **truths)


def _party(session: Session, said: Mapping[str, str]) -> Institution | Consortium:
    if said["kind"] == "consortium":
        return consortia.named(session, said["party"])
    return institutions.named(session, said["party"])


def _day(text: str) -> date:
    day = words.day(text)
    if day is None:
        raise NotNow(words.BAD_DAY, given="")
    return day


def _written(value: object) -> object:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else value
