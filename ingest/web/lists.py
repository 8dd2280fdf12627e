"""Lists of what a publisher has published, uploaded by staff; what is wrong with one is told line by line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from ingest import completeness
from ingest.lists import read_list
from ingest.web.desk import Desk
from repository.bags.paths import shown
from repository.catalogue import browse, titles
from repository.kbart_lines import MOST_COMPLAINTS, BadList, Complaint, issn_of
from repository.texts import marked
from repository.web import language, paging

MOST_UPLOADED = 32 << 20
"""Bytes of a list that is uploaded; larger ones are loaded by command."""
_MOST_NAMES = 1000

NO_FILE = marked("Choose a file.")
NO_PUBLISHER = marked("No publisher of this name has delivered anything yet. Choose one of the list.")
BAD_ISSN = marked("This is not an ISSN.")


def form(desk: Desk) -> ResponseReturnValue:
    """The form by which a list is loaded."""
    return _page(desk, {"publisher": request.args.get("publisher", ""), "issn": request.args.get("issn", "")}, [])


def load(desk: Desk) -> ResponseReturnValue:
    """Load the list that was sent; lines that say nothing are told and passed over."""
    given = {name: request.form.get(name, "").strip()[:300] for name in ("publisher", "issn")}
    if not all(paging.storable(text) for text in given.values()):
        raise BadRequest
    sent = request.files.get("file")
    name = shown((sent.filename or "").replace("\\", "/").rpartition("/")[2])[:200] if sent else ""
    wrong: list[Complaint] = []
    if not sent or not name:
        wrong.append(Complaint(NO_FILE))
    issn = issn_of(given["issn"])
    if given["issn"] and issn is None:
        wrong.append(Complaint(BAD_ISSN))
    with desk.catalogue.reading() as rows:
        publisher = titles.find_publisher(rows, given["publisher"]) if given["publisher"] else None
    if publisher is None:
        wrong.append(Complaint(NO_PUBLISHER))
    if wrong or sent is None or publisher is None:
        return _page(desk, given, wrong)
    with closing(sent):
        data = sent.stream.read()
    try:
        listed = read_list(name, data, issn)
    except BadList as error:
        return _page(desk, given, error.complaints, name)
    done = completeness.load(desk.catalogue, publisher.name, name, listed.lines)
    issns = {one for line in listed.lines for one in line.issns}
    number = sum(done.values())
    if listed.complaints:
        return _page(desk, given, listed.complaints, name, number)
    if len(done) == 1:
        return redirect(url_for("ingest.title", issn=sorted(issns)[0], loaded=number))
    return redirect(url_for("ingest.titles_expected", loaded=number))


def _page(
    desk: Desk, given: dict[str, str], wrong: Sequence[Complaint], name: str = "", loaded: int = 0
) -> ResponseReturnValue:
    with desk.catalogue.reading() as rows:
        names = browse.publisher_names(rows, limit=_MOST_NAMES)
    page = render_template(
        "ingest/load.html",
        given=given,
        wrong=wrong[:MOST_COMPLAINTS],
        more=max(0, len(wrong) - MOST_COMPLAINTS),
        name=name,
        loaded=loaded,
        publishers=names,
        said=_said,
        megabytes=MOST_UPLOADED >> 20,
    )
    return page, 400 if wrong and not loaded else 200


def _said(complaint: Complaint) -> str:
    return language.gettext(complaint.message, given=f"“{shown(complaint.given)}”")
