"""The reading room: what is kept, shown to people, in two languages and without a line of script."""

from __future__ import annotations

from flask import Blueprint

from repository.access.web.guard import Route, Who, lay
from repository.web import alerts, citing, explain, lockss, opening, overview, reading, resolving, supplying
from repository.web.room import ReadingRoom

_ARTICLE = "/articles/<hex32:identifier>"
_ACKNOWLEDGE = "/staff/alerts/<int(max=9223372036854775807):number>/acknowledge"


def blueprint(room: ReadingRoom) -> Blueprint:
    """The pages of the reading room, declared with those for whom they are there.

    The app must know the converters ``hex32``, ``issn`` and ``payload`` (:mod:`repository.web.addresses`).
    """
    return lay(
        Blueprint("reading", __name__, template_folder="../templates"),
        room,
        (
            Route("/", reading.home),
            Route("/search", reading.find),
            Route("/titles", reading.titles),
            Route("/titles/<issn:issn>", reading.title),
            Route("/titles/<issn:issn>/issues/<int(max=9223372036854775807):number>", reading.issue),
            Route(_ARTICLE, reading.article),
            Route(_ARTICLE + ".json", reading.article_json),
            Route(_ARTICLE + ".ris", citing.ris, endpoint="article_ris"),
            Route(_ARTICLE + ".bib", citing.bibtex, endpoint="article_bibtex"),
            Route(_ARTICLE + "/access.json", opening.access_json),
            Route(_ARTICLE + "/files/<payload:path>", reading.file),
            Route("/doi/<payload:doi>", resolving.doi),
            Route("/issn/<payload:text>", resolving.issn),
            Route("/openurl", resolving.resolve),
            Route("/ServeContent", resolving.resolve, endpoint="serve_content"),
            Route("/lockss/", lockss.journals, endpoint="lockss"),
            Route("/lockss/<issn:issn>", lockss.years, endpoint="lockss_years"),
            Route("/lockss/<issn:issn>/<int(max=9999):number>", lockss.year, endpoint="lockss_year"),
            Route("/staff/", overview.overview, Who.STAFF),
            Route("/staff/access/explain", explain.explain, Who.LIBRARIAN),
            Route("/staff/access/supply/<hex32:identifier>", supplying.supply_form, Who.LIBRARIAN, ("GET", "POST")),
            Route("/supply/<secret>", supplying.supplied, methods=("GET", "POST")),
            Route("/staff/alerts", alerts.alerts_listed, Who.STAFF),
            Route(_ACKNOWLEDGE, alerts.acknowledge, Who.STAFF, ("POST",)),
        ),
    )
