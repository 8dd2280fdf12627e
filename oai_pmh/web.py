"""The window's web face: OAI-PMH by GET and POST at /oai, compressed where that is asked for; a page for people."""

from __future__ import annotations

from flask import Blueprint, Response, request

from oai_pmh import arguments, verbs, wire, xml
from oai_pmh.errors import ProtocolError, Refused
from oai_pmh.manners import Figures, Turns
from oai_pmh.manners.web import mind
from oai_pmh.people.web import receive
from oai_pmh.verbs import Window
from repository.errors import DatabaseUnavailable
from repository.vocabulary import utc_now

__all__ = ["Window", "blueprint"]

_FORM = "application/x-www-form-urlencoded"
_LARGEST_FORM = 64 * 1024
_RETRY_AFTER_SECONDS = 30


def blueprint(window: Window, turns: Turns | None = None, figures: Figures | None = None) -> Blueprint:
    """The pages of this room: one address, with the protocol's XML on it, and a page for who comes with a browser.

    Without ``turns`` everybody is served at once. POST carries no session and changes nothing: exempt the
    blueprint from CSRF protection.
    """
    pages = Blueprint("oai_pmh", __name__, template_folder="people/templates")
    counted = figures or Figures()
    receive(pages, window, turns)
    if turns is not None:
        mind(pages, turns, counted)

    @pages.route("/oai/", methods=["GET", "POST"])
    @pages.route("/oai", methods=["GET", "POST"])
    def oai() -> Response:
        request.max_content_length = _LARGEST_FORM
        if request.method == "POST" and request.content_length and request.mimetype != _FORM:
            return _plain(415, f"OAI-PMH takes its arguments by POST as {_FORM}\n")
        body = request.get_data(cache=False) if request.method == "POST" else b""
        try:
            document = _document(window, counted, request.query_string, body)
        except DatabaseUnavailable:
            unavailable = _plain(503, "The catalogue does not answer at the moment. Please try again later.\n")
            unavailable.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
            return unavailable
        return _sent(document)

    return pages


def _document(window: Window, figures: Figures, query: bytes, body: bytes) -> xml.Document:
    """The whole answer. Raises DatabaseUnavailable."""
    try:
        pairs = arguments.pairs_of(query, body)
        asked = arguments.parse(pairs)
    except Refused as refusal:
        figures.answered(None)
        return xml.refusal(utc_now(), window.address, {}, refusal.errors)
    echo = arguments.echo(pairs)
    moment = window.now()
    try:
        answer = verbs.answer(window, asked, moment)
    except Refused as refusal:
        errors: tuple[ProtocolError, ...] = refusal.errors
        figures.answered(asked.verb)
        return xml.refusal(moment, window.address, echo if refusal.echoes else {}, errors)
    figures.answered(asked.verb, xml.records_in(answer))
    return xml.response(moment, window.address, echo, answer)


def _sent(document: xml.Document) -> Response:
    """The answer as it goes out: whole at once or piece by piece, compressed where that is asked for."""
    answer = Response(mimetype="text/xml")
    answer.vary.add("Accept-Encoding")
    if document.state is not None:
        answer.set_etag(document.state, weak=True)  # its responseDate differs each time
        answer.last_modified = document.last_modified
        answer.make_conditional(request)
        if answer.status_code == 304:
            return answer
    wanted = request.accept_encodings
    if 0 < wanted["gzip"] >= wanted["zstd"]:  # what lies here is compressed in this way: it costs nothing
        pieces = wire.gzipped(document.parts)
        answer.content_encoding, answer.content_length = "gzip", sum(map(len, pieces))
        answer.response = [b"".join(pieces)]
    elif wanted["zstd"] > 0:
        answer.content_encoding = "zstd"
        answer.response = wire.zstandard_of(document.parts)
    else:
        answer.content_length = wire.size(document.parts)
        answer.response = wire.plain(document.parts)
    return answer


def _plain(status: int, text: str) -> Response:
    return Response(text, status=status, mimetype="text/plain")
