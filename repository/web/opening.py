"""Why an article opens or not: as its page says it, as the refusal of its files does, and as machines are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden, NotFound

from repository.access import told
from repository.access.entitlement import Decision
from repository.access.explain import explained
from repository.access.readers import Known
from repository.access.staff import Role
from repository.access.web.guard import account
from repository.access.web.readers import known
from repository.catalogue import holdings, links
from repository.models import Article
from repository.vocabulary import NOTICES, ArticleRecord, ArticleState
from repository.web import language, paging, ways
from repository.web.room import ReadingRoom

PRIVATE = {"Cache-Control": "private, no-cache"}
"""What is said to one reader is kept by no cache between."""
_RELATED = 50


def said(room: ReadingRoom, record: ArticleRecord, who: Known, decision: Decision, on: datetime) -> dict[str, Any]:
    """What a page needs so as to say why the article opens to this reader or not, and where else it is."""
    signed_in = account()
    return {
        "decision": decision,
        "known": who,
        "provided": told.provided(who, decision, on.date(), language.gettext),
        "facts": told.grounds(decision, on.date(), language.gettext),
        "ways": ways.ways(record, who, decision, sign_in=_sign_in(room)),
        "may_explain": signed_in is not None
        and signed_in.role in (Role.STAFF, Role.LIBRARIAN)
        and not signed_in.must_change,
    }


def closed(
    room: ReadingRoom, rows: Session, found: Article, decision: Decision, who: Known, on: datetime
) -> ResponseReturnValue:
    """The answer to who may not open a file: the plain reason, and every way to it that there is."""
    record = ArticleRecord.from_json(found.record)
    page = render_template(
        "reading/closed.html",
        article=found,
        record=record,
        notices=notices(links.pointing_at(rows, record, limit=_RELATED)),
        **said(room, record, who, decision, on),
    )
    return page, Forbidden.code, PRIVATE


def access_json(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """Whether whoever asks may open the article's files, and why, for machines."""
    with room.catalogue.reading() as rows:
        found = rows.get(Article, identifier)
        if found is None:
            raise NotFound
        if found.state == ArticleState.WITHDRAWN:
            return jsonify(holdings.tombstone_json(rows, found)), 410
        asked = explained(rows, found, known(rows), room.now())
    answer = jsonify(told.as_json(asked, language.in_every_language(), considered=False))
    answer.headers.update(PRIVATE)
    return answer


def notices(pointing: Iterable[links.Pointing]) -> list[links.Pointing]:
    """What nobody who meets the article may miss: corrections, retractions and the like, the gravest first."""
    order = list(NOTICES)
    return sorted((one for one in pointing if one.type in NOTICES), key=lambda one: order.index(one.type))


def _sign_in(room: ReadingRoom) -> str | None:
    return url_for("sign_on.choose", next=paging.here(lang=None)) if room.has_sign_on else None
