"""Start pages for LOCKSS: what is open now, a journal's year at a time, with the sentence that lets it be collected."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from repository.catalogue import browse, openings
from repository.catalogue.browse import TitleLine
from repository.open_licence import openly_licensed
from repository.web import paging
from repository.web.room import ReadingRoom, file_address

PERMISSION = "LOCKSS system has permission to collect, preserve, and serve this open access Archival Unit"
"""Letter by letter what a LOCKSS daemon looks for on a start page: never translated, never ended otherwise."""

A_PAGE = 100


def journals(room: ReadingRoom) -> ResponseReturnValue:
    """The journals whose years can be collected."""
    after = paging.asked_key(str, int)
    with room.catalogue.reading() as rows:
        listed = browse.titles_listed(rows, after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.sort_key, line.id))
    return render_template("reading/lockss.html", journals=shown, following=following, begun=after is not None)


def years(room: ReadingRoom, issn: str) -> ResponseReturnValue:
    """The years of one journal, each an archival unit."""
    line, found = _years(room, issn)
    return render_template("reading/lockss_years.html", title=line, years=found)


def year(room: ReadingRoom, issn: str, number: int) -> ResponseReturnValue:
    """One year: every article whose licence opens it to everyone, and its files. Nothing else is linked."""
    after = paging.asked_key(str, str, str)
    line, known = _years(room, issn)
    if number not in known:
        raise NotFound
    with room.catalogue.reading() as rows:
        listed = openings.articles_of(rows, line.id, number, after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(listed, A_PAGE, lambda one: one.place)
    return render_template(
        "reading/lockss_year.html",
        title=line,
        year=number,
        articles=[one for one in shown if openly_licensed(one.record)],
        following=following,
        begun=after is not None,
        permission=PERMISSION,
        file_address=file_address,
    )


def _years(room: ReadingRoom, issn: str) -> tuple[TitleLine, list[int]]:
    with room.catalogue.reading() as rows:
        found = browse.title_of_issn(rows, issn)
        if found is None:
            raise NotFound
        return browse.title_line(rows, found), openings.years_of(rows, found.id)
