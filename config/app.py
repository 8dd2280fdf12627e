"""The web application: every room's pages under one roof, with one guard, one set of headers and one error page."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from flask import Blueprint, Flask, Response, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, SecurityError, ServiceUnavailable

import config.doctor.web
import fixity.web
import fixity.web.evidence
import fixity.web.room
import ingest.web
import ingest.web.sword
import oai_pmh.resourcesync.web
import repository
import repository.access.web
import repository.access.web.counter
import repository.access.web.reports
import repository.access.web.usage
import repository.web
import repository.web.declaring
import repository.web.portal
import repository.web.records
from config import languages, metrics
from config.doctor.web import SystemRoom
from config.proxies import Hops
from config.request_log import NUMBER, Numbered
from fixity.evidence.room import Evidence
from fixity.forecast import Policy
from ingest.deaccession import Deaccession
from ingest.deposits import Collection
from ingest.feeds import Feed
from ingest.survivors import Salvaging
from ingest.web.desk import Desk
from oai_pmh.manners import Figures
from oai_pmh.resourcesync.documents import Addresses
from oai_pmh.resourcesync.listing import Lists
from oai_pmh.resourcesync.web import Giving
from repository.access.counter_reports import Platform
from repository.access.counting import Book
from repository.access.lists import Publishing
from repository.access.peers import Peer
from repository.access.throttle import Throttle
from repository.access.trusted import Front, Provider, Rules
from repository.access.web import counting, sign_on
from repository.access.web.guard import Member, Route, Who, account, lay, member, open_door
from repository.access.web.readers import know_readers, sign_on_cookie
from repository.access.web.sessions import Door
from repository.access.web.sign_on_cookie import SignOnCookie
from repository.access.web.supply import SupplyCookie
from repository.catalogue import Catalogue, schema, watch
from repository.errors import DatabaseUnavailable, MahfuzError, StoreUnavailable
from repository.texts import marked
from repository.vocabulary import utc_now
from repository.web import addresses, language, paging
from repository.web.portal.room import Portal
from repository.web.room import ReadingRoom
from repository.web.streaming import Counter, Kept, NoIntactCopy, OpenRange

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

MOST_SENT = 256 << 10
"""Bytes that a request may carry: forms, OAI-PMH arguments, entries of deposits. A package or a list has its own."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_PRIVATE = ("/staff", "/deliveries", "/library/", "/publisher/")
"""What no browser and no proxy keeps."""

_REPOSITORY = Path(repository.__file__).parent

ERRORS = {
    400: (marked("This request cannot be understood"), marked("Something in the address or the form is not right.")),
    403: (marked("This is not open to you"), marked("The page is there for others, or for the archive's staff.")),
    404: (marked("There is no such page"), marked("Nothing is kept under this address. Try the search.")),
    405: (marked("This page does not do that"), marked("The address exists, but not for this kind of request.")),
    410: (marked("Withdrawn"), marked("This was shown here once. What was preserved is kept.")),
    413: (marked("Too large"), marked("The request carries more than any form of this site does.")),
    416: (marked("No such part"), marked("The file is shorter than the part that was asked for.")),
    429: (marked("Too many tries"), marked("Wait a quarter of an hour and try again.")),
    500: (marked("Something went wrong here"), marked("It was written down. Nothing that is preserved was touched.")),
    503: (marked("Not available at the moment"), marked("A part of the archive does not answer. Try again later.")),
}
"""What an error page says: a heading and a sentence for each status that the archive gives."""

NO_INTACT_COPY = marked("No intact copy of this file could be read. Nothing was given out; the night watch was told.")
FORM_EXPIRED = marked("The form had expired, or it came from elsewhere. Load the page anew and send it again.")


@dataclass(frozen=True, slots=True)
class Rooms:
    """All that the web application needs, as the wiring hands it over: values, a catalogue and a way to the bytes."""

    archive: str
    """The archive's name, as pages show it."""
    base_url: str
    """How the world reaches the archive, for example ``https://mahfuz.example.org``; https makes cookies secure."""
    repository_identifier: str
    admin_email: str
    languages: Sequence[str]
    """Codes; the first is that of a reader who asks for none of them."""
    time_zone: str
    secret_key: bytes
    catalogue: Catalogue
    open_range: OpenRange
    """``(store name, key, offset, length) -> context manager of a ByteStream``; as ``Store.open``."""
    places: Mapping[str, str]
    """Store name to where it stands, in copy order: the order in which stores are asked for a file."""
    policies: Mapping[str, Policy]
    """Within how many days each copy is verified again, by store."""
    home: Path
    """The archive's own folder: receipts are written there."""
    agent: str
    """The program by name and version, as events name it."""
    copies: int = 2
    """So many copies of every bag are promised, each in another store."""
    collections: Sequence[Collection] = ()
    """Into which journals deposit over SWORD."""
    deaccession: Deaccession | None = None
    """What withdrawing and disposing is given; None: the pages only tell of it."""
    salvaging: Salvaging | None = None
    """What a salvage is given; None: there are no pages for it."""
    evidence: Evidence | None = None
    """What making evidence is given; None: there are no such pages."""
    threats: Mapping[str, str] = field(default_factory=dict)
    """Store name to the disaster that it would share."""
    feeds: Sequence[Feed] = ()
    """Where deliveries come from, as the settings name them."""
    metrics_token: str = ""
    """What Prometheus brings to read the figures; empty: they are given to this machine only."""
    trusted_proxies: int = 0
    """How many reverse proxies of our own stand in front: exactly so many forwarded addresses are believed."""
    sign_on: Rules = field(default_factory=Rules)
    """What is asked of a reader's sign-on."""
    front: Front | None = None
    """Who speaks SAML for us; None: nobody."""
    openid: Sequence[Provider] = field(default=(), repr=False)
    """With which OpenID providers readers sign on."""
    sign_on_lasts: timedelta = timedelta(hours=8)
    """For how long a reader's sign-on is remembered."""
    system: SystemRoom | None = None
    """The installation, for the page of the system; None: there is none."""
    harvested: Figures | None = None
    """What the window has given out; None: there are no figures of it."""
    peers: Sequence[Peer] = field(default=(), repr=False)
    """Other archives that may have bags."""
    counted: bool = True
    """Whether use is counted."""
    open_blueprints: Sequence[Blueprint] = ()
    """Blueprints that only answer questions, for everyone, by GET and POST (OAI-PMH): no session, no CSRF token."""


class Mounted:
    """The application under the path of ``base_url``, whether or not the proxy in front takes that path away."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app, self._path = app, path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = self._path
        asked = environ.get("PATH_INFO", "")
        if asked == self._path or asked.startswith(self._path + "/"):
            environ["PATH_INFO"] = asked[len(self._path) :] or "/"
        return self._app(environ, start_response)


class _Pages(Flask):
    """Flask, whose own line about a fault of ours names the page and not the address: that may be somebody's secret."""

    def log_exception(self, exc_info: Any) -> None:
        log.error("the program fell over a request", exc_info=exc_info)


def create_app(rooms: Rooms) -> Flask:
    """The application of these rooms. Nothing is read from the environment, no connection is opened yet.

    Raises UsageError for a language without texts.
    """
    world = urlsplit(rooms.base_url.rstrip("/"))
    app = _Pages("mahfuz", static_folder=str(_REPOSITORY / "static"), template_folder=str(_REPOSITORY / "templates"))
    app.config.update(
        SECRET_KEY=rooms.secret_key,
        MAX_CONTENT_LENGTH=MOST_SENT,
        MAX_FORM_MEMORY_SIZE=MOST_SENT,
        MAX_FORM_PARTS=100,
        TRUSTED_HOSTS=[world.hostname or "localhost", "localhost", "127.0.0.1"],
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=30),
        WTF_CSRF_TIME_LIMIT=12 * 3600,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.wsgi_app = Numbered(app.wsgi_app, behind_proxies=rooms.trusted_proxies > 0)  # type: ignore[method-assign]
    # Not the host: a proxy passes Host on, and one that forgets X-Forwarded-Host would let visitors choose it.
    app.wsgi_app = Hops(app.wsgi_app, rooms.trusted_proxies)  # type: ignore[method-assign]
    if world.path:
        app.wsgi_app = Mounted(app.wsgi_app, world.path)  # type: ignore[method-assign]
    app.before_request(_name_the_page)
    texts = languages.load(rooms.languages)
    language.speak(app, language.Languages(texts, ZoneInfo(rooms.time_zone)))
    addresses.know_addresses(app)
    desk = _desk(rooms)
    # What only answers a protocol: for everyone, without session and without CSRF token.
    protocols = (*rooms.open_blueprints, ingest.web.sword.blueprint(ingest.web.sword.Counter(desk, rooms.collections)))
    open_names = [blueprint.name for blueprint in protocols]
    door = Door(rooms.catalogue, rooms.secret_key, world.scheme == "https", Throttle())
    open_door(app, door, open_names)
    if rooms.counted:
        counting.keep(app, Book(rooms.catalogue, rooms.home / "usage", rooms.time_zone))
    signed_on = SignOnCookie(rooms.secret_key, rooms.sign_on_lasts, secure=door.secure)
    know_readers(app, signed_on, SupplyCookie(rooms.secret_key, secure=door.secure))
    csrf = CSRFProtect(app)
    for blueprint in (*_blueprints(rooms, door, desk), *protocols):
        app.register_blueprint(blueprint)
    for blueprint in protocols:
        csrf.exempt(blueprint)
    setattr(app.view_functions["static"], "who", Who.EVERYONE)  # noqa: B010
    _face(app, rooms)
    _headers(app, secure=world.scheme == "https")
    _errors(app)
    return app


def _name_the_page() -> None:
    """Every line of the log about this request says which page was asked for, as a rule and not by its address."""
    if request.url_rule is not None:
        structlog.contextvars.bind_contextvars(page=request.url_rule.rule)


def _desk(rooms: Rooms) -> Desk:
    return Desk(
        rooms.catalogue,
        rooms.home,
        rooms.agent,
        rooms.time_zone,
        rooms.archive,
        rooms.admin_email,
        rooms.base_url.rstrip("/"),
        rooms.repository_identifier,
        rooms.secret_key,
        len(rooms.places),
        tuple(rooms.feeds),
        rooms.deaccession,
        rooms.salvaging,
    )


def _publishing(rooms: Rooms) -> Publishing:
    return Publishing(
        rooms.catalogue,
        rooms.home / "lists",
        rooms.base_url.rstrip("/"),
        rooms.archive,
        rooms.repository_identifier,
        tuple(rooms.places),
        rooms.time_zone,
    )


def _blueprints(rooms: Rooms, door: Door, desk: Desk) -> tuple[Blueprint, ...]:
    base_url = rooms.base_url.rstrip("/")
    counter = Counter(rooms.open_range, tuple(rooms.places), _tell_the_watch(rooms.catalogue))
    reading = ReadingRoom(
        archive=rooms.archive,
        base_url=base_url,
        repository_identifier=rooms.repository_identifier,
        catalogue=rooms.catalogue,
        counter=counter,
        time_zone=rooms.time_zone,
        has_sign_on=bool(rooms.front or rooms.openid),
    )
    giving = Giving(
        Lists(rooms.catalogue), Addresses(base_url, rooms.repository_identifier), counter, tuple(rooms.peers)
    )
    usage = repository.access.web.counter.Usage(rooms.catalogue, Platform(rooms.archive, base_url), rooms.time_zone)
    signs = (
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
        Route("/metrics", _metrics),
        Route("/robots.txt", _robots),
    )
    shown = [fixity.web.evidence.blueprint(rooms.evidence)] if rooms.evidence else []
    shown += [config.doctor.web.blueprint(rooms.system)] if rooms.system else []
    return (
        *shown,
        repository.web.blueprint(reading),
        repository.web.declaring.blueprint(reading),
        repository.web.records.blueprint(reading),
        repository.web.portal.blueprint(Portal(reading, usage, rooms.admin_email)),
        oai_pmh.resourcesync.web.blueprint(giving),
        repository.access.web.blueprint(door),
        repository.access.web.reports.blueprint(_publishing(rooms)),
        repository.access.web.counter.blueprint(usage),
        repository.access.web.usage.blueprint(usage),
        sign_on.blueprint(
            sign_on.SignOn(
                rooms.catalogue,
                rooms.secret_key,
                base_url,
                door.secure,
                rooms.sign_on,
                rooms.front,
                sign_on.opened(tuple(rooms.openid)),
            )
        ),
        fixity.web.blueprint(
            fixity.web.room.Dashboard(
                rooms.catalogue, rooms.places, rooms.policies, rooms.agent, rooms.copies, rooms.threats
            )
        ),
        ingest.web.blueprint(desk),
        lay(Blueprint("signs", __name__), rooms, signs),
    )


def _tell_the_watch(catalogue: Catalogue) -> Callable[[Kept, str], None]:
    def tell(file: Kept, store: str) -> None:
        log.warning("a reader met a copy that is not whole: %s in %s", file.key, store)
        try:
            with catalogue.writing() as rows:
                watch.read_soon(rows, file.aip_id, store, utc_now())
        except DatabaseUnavailable:
            log.exception("the night watch could not be told of it")

    return tell


def _face(app: Flask, rooms: Rooms) -> None:
    style = hashlib.sha256((_REPOSITORY / "static" / "mahfuz.css").read_bytes()).hexdigest()[:12]

    @app.context_processor
    def _everywhere() -> dict[str, Any]:
        return {
            "archive": rooms.archive,
            "admin_email": rooms.admin_email,
            "base_url": rooms.base_url.rstrip("/"),
            "language": language.current(),
            "languages": list(rooms.languages),
            "here": paging.here,
            "style": style,
            "signed_in": lambda: _unless_silent(member),
            "user_account": lambda: _unless_silent(account),
            "has_sign_on": bool(rooms.front or rooms.openid),
            "signed_on": lambda: sign_on_cookie().read() is not None,
            "has_oai": bool(rooms.open_blueprints),
            "has_evidence": rooms.evidence is not None,
            "has_system": rooms.system is not None,
        }


def _unless_silent(who: Callable[[], Member | None]) -> Member | None:
    if g.get("catalogue_is_silent"):
        return None
    try:
        return who()
    except DatabaseUnavailable:
        g.catalogue_is_silent = True
        return None


def _headers(app: Flask, *, secure: bool) -> None:
    @app.after_request
    def _guarded(answer: Response) -> Response:
        headers = answer.headers
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        # Our own pages may say where a form was: the CSRF check over https asks for it. Nobody else learns it.
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if "Cache-Control" not in headers:
            private = request.path.startswith(_PRIVATE)
            headers["Cache-Control"] = "no-store" if private else "no-cache"
        return answer


def _errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> ResponseReturnValue:
        if isinstance(error, InternalServerError) and isinstance(error.original_exception, MahfuzError):
            return _ours(error.original_exception)
        if isinstance(error, SecurityError):
            return Response("400 Bad Request: unknown host\n", 400, mimetype="text/plain")
        if error.code is None or error.code < 400:
            return error.get_response()
        said = FORM_EXPIRED if isinstance(error, CSRFError) else None
        kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Content-Range", "Retry-After")}
        return _error_page(error.code, said), error.code, kept

    @app.errorhandler(MahfuzError)
    def _ours(error: MahfuzError) -> ResponseReturnValue:
        if isinstance(error, DatabaseUnavailable | StoreUnavailable):
            g.catalogue_is_silent = isinstance(error, DatabaseUnavailable)
            log.warning("%s", error)
            return _error_page(503), 503, {"Retry-After": "60"}
        if isinstance(error, NoIntactCopy):
            log.error("%s", error)
            return _error_page(ServiceUnavailable.code, NO_INTACT_COPY), 503
        log.error("unexpected: %s", error, exc_info=error)
        return _error_page(500), 500


def _error_page(code: int, said: str | None = None) -> str | Response:
    heading, sentence = ERRORS.get(code, ERRORS[400 if code < 500 else 500])
    if request.path.endswith(".json"):
        return jsonify(error=code, message=heading, request_id=request.environ[NUMBER])
    number = request.environ[NUMBER]
    return render_template("error.html", code=code, heading=heading, sentence=said or sentence, number=number)


def _healthz(_rooms: Rooms) -> ResponseReturnValue:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


def _readyz(rooms: Rooms) -> ResponseReturnValue:
    """The catalogue answers and has the schema of this version; 503 and the reason otherwise."""
    try:
        present, needed = schema.revision_of(rooms.catalogue), schema.HEAD
    except DatabaseUnavailable:
        return Response("the catalogue does not answer\n", 503, {"Retry-After": "10"}, mimetype="text/plain")
    if present != needed:
        act = "run mahfuz init" if present is None or present < needed else "start the version that made it"
        said = f"the catalogue has schema {present or 'none'} and this version needs {needed}: {act}\n"
        return Response(said, 503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


def _metrics(rooms: Rooms) -> ResponseReturnValue:
    """The archive in figures for Prometheus: to who brings the token, or, where there is none, to this machine only."""
    if rooms.metrics_token:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {rooms.metrics_token}".encode()):
            return Response("a bearer token is needed\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    elif not _is_of_this_machine(request.remote_addr):
        raise NotFound
    try:
        figures = metrics.exposition(rooms.catalogue, rooms.policies, rooms.harvested)
    except DatabaseUnavailable:
        return Response("the catalogue does not answer\n", 503, {"Retry-After": "10"}, mimetype="text/plain")
    return Response(figures, content_type=metrics.CONTENT_TYPE)


def _is_of_this_machine(address: str | None) -> bool:
    # A proxy on this machine that was not named in the settings speaks for the whole world.
    try:
        return ip_address(address or "").is_loopback and "X-Forwarded-For" not in request.headers
    except ValueError:
        return False


def _robots(_rooms: Rooms) -> ResponseReturnValue:
    """What crawlers are asked to leave alone: endless lists and what is for staff."""
    closed = (
        url_for("reading.overview"),
        url_for("reading.find"),
        url_for("reading.resolve"),
        "/deliveries/",
        "/library/",
        "/publisher/",
        "/resourcesync/",
        "/supply/",
        url_for("sign_on.choose"),
    )
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    return Response("\n".join(lines) + "\n", mimetype="text/plain")
