"""Holdings lists for knowledge bases, the Keepers Registry and union catalogues, and the page that names them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, render_template, request, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from werkzeug.exceptions import Forbidden, NotFound

from repository.access import institutions, lists, requestors
from repository.access.lists import Made, Publishing
from repository.access.staff import Role
from repository.access.web.guard import Route, account, lay
from repository.models import Publisher, Title
from repository.turkish import tr_sort_key

_TSV = "text/tab-separated-values"
_KEY_WANTED = "this file is for its institution: bring a key of it, as Authorization: Bearer … or ?api_key=…\n"


def listed(room: Publishing) -> ResponseReturnValue:
    """The page: which files there are, what stands in them, and which need a key."""
    held = select(Title.id).where(Title.publisher_id == Publisher.id, Title.articles > 0).exists()
    with room.catalogue.reading() as rows:
        publishers = rows.execute(select(Publisher.name, Publisher.slug).where(held)).all()
    publishers = sorted(publishers, key=lambda one: tr_sort_key(one.name))
    return render_template("reports/kbart.html", publishers=publishers)


def all_titles(room: Publishing) -> ResponseReturnValue:
    """All that is held, in KBART."""
    return _given(lambda: lists.all_titles(room), _TSV)


def of_publisher(room: Publishing, slug: str) -> ResponseReturnValue:
    """What is held of one publisher, in KBART."""
    with room.catalogue.reading() as rows:
        found = lists.publisher_of(rows, slug)
    if found is None:
        raise NotFound
    return _given(lambda: lists.of_publisher(room, found), _TSV)


def of_institution(room: Publishing, code: str) -> ResponseReturnValue:
    """What one institution may read for ever, in KBART: to who brings its key, to its librarians and to staff."""
    key = asked_key()
    signed_in = account() if key is None else None
    if signed_in is not None and signed_in.must_change:
        signed_in = None
    with room.catalogue.reading() as rows:
        known = requestors.of_key(rows, key) if key is not None else None
        found = institutions.find(rows, code)
    if known is None and signed_in is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="holdings"'}
        return Response(_KEY_WANTED, 401, challenge, mimetype="text/plain")
    theirs = known.institution_id if known is not None else signed_in.institution_id if signed_in else None
    staff = signed_in is not None and signed_in.role == Role.STAFF
    if found is None and staff:
        raise NotFound
    if found is None or not (staff or theirs == found.id):
        raise Forbidden
    answer = _given(lambda: lists.of_institution(room, found), _TSV)
    answer.cache_control.private = True
    answer.vary.update(("Authorization", "Cookie"))
    return answer


def keepers_report(room: Publishing) -> ResponseReturnValue:
    """What is preserved and what is in progress, in the registry's eight columns."""
    return _given(lambda: lists.keepers_report(room), "text/csv")


def titles_in_marc(room: Publishing) -> ResponseReturnValue:
    """The journals that are held, as MARCXML."""
    return _given(lambda: lists.titles_in_marc(room), "application/marcxml+xml")


def asked_key() -> str | None:
    """The key that the request brings in its header or its address."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer" and authorization.token:
        return str(authorization.token)
    return request.args.get("api_key")


def _given(make: Callable[[], Made], kind: str) -> Response:
    """The list as it lies, or 304 to who has it. Another process may put the next one in its place meanwhile."""
    for last in (False, True):
        made = make()
        try:
            answer = send_file(
                made.path, kind, as_attachment=True, download_name=made.name, etag=made.digest, last_modified=None
            )
        except FileNotFoundError:
            if last:
                raise
            continue
        if kind.startswith("text/"):
            answer.content_type = f"{kind}; charset=utf-8"
        # It is told by what stands in it: two files of one content may have been made at two moments.
        answer.headers.pop("Last-Modified", None)
        return answer
    raise AssertionError


def blueprint(room: Publishing) -> Blueprint:
    """The addresses of the lists."""
    return lay(
        Blueprint("reports", __name__),
        room,
        (
            Route("/kbart/", listed),
            Route("/kbart/AllTitles.txt", all_titles),
            Route("/kbart/publishers/<slug>.txt", of_publisher),
            Route("/kbart/institutions/<code>.txt", of_institution),
            Route("/reports/keepers.csv", keepers_report, endpoint="keepers"),
            Route("/reports/titles.marcxml", titles_in_marc, endpoint="marc"),
        ),
    )
