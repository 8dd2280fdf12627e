"""A browser at the window gets pages, in the reader's language; programs never do, whatever they forget to say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Blueprint, Response, g, render_template, request
from werkzeug.exceptions import NotFound

from oai_pmh import sets
from oai_pmh.descriptions import is_address
from oai_pmh.manners import Turns
from oai_pmh.people import account
from oai_pmh.tokens import LIFETIME
from oai_pmh.verbs import Window
from repository.web import language, paging

A_PAGE = 50
_OF_PAGES = {b"", b"lang", b"sets", b"after"}
"""The arguments of the pages; whoever says anything else speaks the protocol, though not well."""
_KINDS = ("text/xml", "application/xml", "text/html")


def receive(pages: Blueprint, window: Window, turns: Turns | None) -> None:
    """Answer whoever comes with a browser before any other function of ``pages`` is asked."""

    @pages.before_request
    def _person() -> Response | None:
        if request.method not in ("GET", "HEAD") or not _names(request.query_string) <= _OF_PAGES:
            return None
        g.by_accept = True
        # A program that takes anything, or says nothing, takes XML.
        if request.accept_mimetypes.best_match(_KINDS, "text/xml") != "text/html":
            return None
        family = request.args.get("sets")
        return _page(window, turns) if family is None else _sets(window, family)

    @pages.after_request
    def _varies(answer: Response) -> Response:
        if g.get("by_accept"):
            answer.vary.add("Accept")
        return answer


def _names(query: bytes) -> set[bytes]:
    """The names of the arguments as they were sent: nothing of a harvester's request is decoded here."""
    return {pair.partition(b"=")[0] for pair in query.split(b"&")}


def _page(window: Window, turns: Turns | None) -> Response:
    return _rendered(
        window,
        "harvesting/window.html",
        account=account.account(window),
        formats=account.formats(),
        in_words=account.IN_WORDS,
        families=account.FAMILIES,
        days=LIFETIME.days,
        turns=turns,
    )


def _sets(window: Window, parent: str) -> Response:
    following: str | None
    name, crumbs = _named(window, parent)
    if parent == sets.PUBLISHERS:
        row = paging.asked_key(int)
        found = account.publishers(window, row[0] if row else 0, A_PAGE + 1)
        rows, following = paging.page_of(found, A_PAGE, lambda one: (one[0],))
        lines = [line for _, line in rows]
    elif parent == sets.JOURNALS:
        titles, following = paging.page_of(
            account.journals(window, paging.asked_key(str, int), A_PAGE + 1), A_PAGE, lambda one: one[0]
        )
        lines = [line for _, line in titles if line is not None]
    else:
        spec = paging.asked_key(str)
        others = account.below(window, parent, spec[0] if spec else "", A_PAGE + 1)
        shown, following = paging.page_of(others, A_PAGE, lambda one: (one.spec,))
        lines = list(shown)
    begun = bool(request.args.get("after"))
    return _rendered(
        window, "harvesting/sets.html", name=name, crumbs=crumbs, lines=lines, following=following, begun=begun
    )


def _named(window: Window, parent: str) -> tuple[str, list[tuple[str, str]]]:
    """The name of the sets below ``parent``, and the way to them: a name and a setSpec each. Raises NotFound."""
    if parent in account.FAMILIES:
        return language.gettext(account.FAMILIES[parent][0]), []
    above, _, _last = parent.rpartition(":")
    name = account.name_of(window, parent) if above and paging.storable(parent) else None
    if name is None:
        raise NotFound
    above_name, crumbs = _named(window, above)
    return name, [*crumbs, (above_name, above)]


def _rendered(window: Window, template: str, **values: object) -> Response:
    ask: Mapping[str, object] = {
        "ask": partial(account.question, window),
        "is_address": is_address,
        "window": window,
    }
    return Response(render_template(template, **ask, **values))
