"""Citations to take along: an article in RIS and in BibTeX."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Gone, NotFound

from repository import citing
from repository.models import Article
from repository.vocabulary import ArticleRecord, ArticleState
from repository.web.room import ReadingRoom


def ris(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """For Zotero, EndNote, Mendeley and their like."""
    return _given(room, identifier, citing.ris, "application/x-research-info-systems", "ris")


def bibtex(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """For LaTeX and JabRef."""
    return _given(room, identifier, citing.bibtex, "application/x-bibtex", "bib")


def _given(
    room: ReadingRoom, identifier: str, write: Callable[[ArticleRecord, str], str], kind: str, extension: str
) -> Response:
    with room.catalogue.reading() as rows:
        found = rows.get(Article, identifier)
        if found is None:
            raise NotFound
        if found.state == ArticleState.WITHDRAWN:
            raise Gone
        record = ArticleRecord.from_json(found.record)
    text = write(record, room.absolute(url_for("reading.article", identifier=identifier)))
    answer = Response(text, content_type=f"{kind}; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{citing.key(record)}.{extension}"'
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.add_etag()
    return answer
