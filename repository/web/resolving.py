"""Where links from elsewhere lead: an OpenURL, a DOI, an ISSN; to the nearest that is held, or to why it is not."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from stdnum import issn as issn_numbers
from werkzeug.exceptions import NotFound

from repository.access.web.readers import known
from repository.catalogue import browse, places
from repository.models import Title
from repository.web import description, opening, openurl, paging, ways
from repository.web.openurl import Met, Wanted
from repository.web.room import ReadingRoom


def doi(room: ReadingRoom, doi: str) -> ResponseReturnValue:
    """From a DOI to its article here, or to a page that says that it is not held."""
    if not paging.storable(doi):
        doi = ""
    wanted = openurl.read({"rft_id": [doi]})
    with room.catalogue.reading() as rows:
        met = openurl.meet(rows, Wanted(doi=doi)) if doi else Met()
        met = met if met.article is not None else openurl.meet(rows, wanted)
        return _led(rows, wanted, met)


def issn(room: ReadingRoom, text: str) -> ResponseReturnValue:
    """From an ISSN, however it is written, to its journal here, or to a page that says that it is not held."""
    found = openurl.issn_in(text)
    wanted = Wanted(issns=(found,) if found else (), journal="" if found or not text.isprintable() else text[:300])
    with room.catalogue.reading() as rows:
        return _led(rows, wanted, openurl.meet(rows, wanted) if paging.storable(text) else Met())


def resolve(room: ReadingRoom) -> ResponseReturnValue:
    """The target of link resolvers: article, issue or title, whichever is the nearest that is held."""
    wanted = openurl.read(request.args.to_dict(flat=False))
    with room.catalogue.reading() as rows:
        return _led(rows, wanted, openurl.meet(rows, wanted))


def _led(rows: Session, wanted: Wanted, met: Met) -> ResponseReturnValue:
    if met.article is not None:
        return redirect(url_for("reading.article", identifier=met.article.id))
    if met.title is None or not (met.issue is not None or met.several or not wanted.of_part):
        return not_held(rows, wanted, met)
    line = browse.title_line(rows, met.title)
    # Whoever sought an article and meets a list of them is told so.
    sought = (wanted.article or wanted.doi or wanted.page or None) if wanted.of_article else None
    if met.issue is not None:
        return redirect(url_for("reading.issue", issn=line.issn, number=met.issue.id, sought=sought))
    return redirect(url_for("reading.title", issn=line.issn, sought=sought))


def not_held(rows: Session, wanted: Wanted, met: Met) -> ResponseReturnValue:
    """What was asked for, that it is not held, what is held of its journal, and where else it may be."""
    who = known(rows)
    held = [_held(rows, one) for one in ([met.title, *places.former_and_later(rows, met.title)] if met.title else [])]
    page = render_template(
        "reading/not_held.html",
        wanted=wanted,
        held=held,
        wrong=[one for one in wanted.issns if not issn_numbers.is_valid(one)],
        known=who,
        ways=ways.elsewhere(wanted.doi, who),
        doi_url=description.doi_url,
    )
    return page, NotFound.code, opening.PRIVATE


def _held(rows: Session, title: Title) -> tuple[browse.TitleLine, str, str]:
    years, volumes = places.held_of(rows, title.id)
    spans = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in years)
    ends = dict.fromkeys((*volumes[:1], *volumes[-1:]))
    return browse.title_line(rows, title), spans, "–".join(ends)
