"""Deposits over SWORD v2: by reference as the PKP PN plugin of OJS makes them, or a package sent whole.

The addresses are those of PKP's own staging server, so that OJS is told of this archive by its ``pln_url`` alone.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from ingest.deposits import Collection, Sent, digests_in, take_entry, take_package
from ingest.feeds.pln_entry import DepositRefused, Fault, is_below, split_address, uuid_in
from ingest.standing import Deposit, standing
from ingest.web import sword_words
from ingest.web.desk import Desk
from ingest.web.sword_words import MEDIA_TYPES
from ingest.web.sword_xml import PACKAGINGS
from repository.access.throttle import Throttle
from repository.access.web.guard import Route, lay
from repository.errors import MahfuzError
from repository.texts import marked
from repository.turkish import machine_lower
from repository.vocabulary import utc_now

log = logging.getLogger(__name__)

_TOO_MANY = marked("Too many tries. Wait a quarter of an hour.")


@dataclass(frozen=True, slots=True)
class Counter:
    """The desk at which deposits are taken, and for which journals."""

    desk: Desk
    collections: Sequence[Collection]
    throttle: Throttle = field(default_factory=Throttle)

    def of(self, journal: str) -> Collection | None:
        """The collection of a journal."""
        return next((one for one in self.collections if journal in one.journals), None)

    def known(self, journal: UUID) -> tuple[Collection, str]:
        """The same, with the journal's UUID as it is kept. Raises DepositRefused."""
        name = str(journal).upper()
        found = self.of(name)
        if found is None:
            log.warning("a deposit for the journal %s, which is not registered", name)
            raise DepositRefused(
                Fault.UNKNOWN,
                marked("No journal with the identifier {journal} is registered. Write to {email}."),
                journal=name,
                email=self.desk.email,
            )
        return found, name


def service_document(counter: Counter) -> ResponseReturnValue:
    """Whether the archive takes deposits of the journal in On-Behalf-Of, on which terms, and where."""
    given, url = _told("On-Behalf-Of"), _told("Journal-Url")
    journal = uuid_in(given or "")
    if journal is None or not url:
        raise DepositRefused(
            Fault.BAD_REQUEST,
            marked("The headers On-Behalf-Of (the journal's UUID) and Journal-Url (its address) are needed."),
        )
    collection = counter.of(journal)
    if collection is None:
        log.warning("the journal %s at %a is not registered", journal, url)
        return sword_words.not_registered(counter.desk, journal)
    home = split_address(url)
    accepting = home is not None and is_below(home, collection.feed.place)
    if not accepting:
        log.warning("the journal %s, registered at %s, says that it is at %a", journal, collection.feed.place, url)
    return sword_words.service(counter.desk, collection, journal, url, accepting=accepting)


def create(counter: Counter, journal: UUID) -> ResponseReturnValue:
    """A new deposit, or a known one sent again: an Atom entry, or a package."""
    collection, name = counter.known(journal)
    if _is_package():
        return _package(counter, collection, name)
    deposit = take_entry(collection, name, request.get_data(cache=False))
    return sword_words.stated(counter.desk, name, deposit, _standing(counter, collection, name, deposit), 201)


def edit(counter: Counter, journal: UUID, deposit: UUID) -> ResponseReturnValue:
    """The entry of a deposit that is known, in its new version; or, asked for by GET, the deposit's receipt."""
    collection, name = counter.known(journal)
    identifier = str(deposit).upper()
    known = _standing(counter, collection, name, identifier)
    if request.method != "PUT":
        return sword_words.deposit_receipt(counter.desk, name, identifier, known, 200)
    if _is_package():
        raise DepositRefused(
            Fault.CONTENT, marked("A package in its new version is a deposit of its own: send it to the collection.")
        )
    take_entry(collection, name, request.get_data(cache=False), identifier)
    known = _standing(counter, collection, name, identifier)
    return sword_words.stated(counter.desk, name, identifier, known, 201)


def statement(counter: Counter, journal: UUID, deposit: UUID) -> ResponseReturnValue:
    """How the deposit stands."""
    collection, name = counter.known(journal)
    identifier = str(deposit).upper()
    found = _standing(counter, collection, name, identifier)
    return sword_words.stated(counter.desk, name, identifier, found, 200)


def blueprint(counter: Counter) -> Blueprint:
    """The addresses of the protocol: for everyone, without session; exempt the blueprint from CSRF protection."""
    pages = lay(
        Blueprint("sword", __name__, url_prefix="/api/sword/2.0"),
        counter,
        (
            Route("/sd-iri", service_document),
            Route("/col-iri/<uuid:journal>", create, methods=("POST",)),
            Route("/cont-iri/<uuid:journal>/<uuid:deposit>/state", statement),
            Route("/cont-iri/<uuid:journal>/<uuid:deposit>/edit", edit, methods=("GET", "PUT")),
        ),
    )
    pages.register_error_handler(DepositRefused, sword_words.refused)
    pages.register_error_handler(HTTPException, sword_words.http_error)
    pages.register_error_handler(MahfuzError, sword_words.unavailable)
    pages.register_error_handler(OSError, sword_words.unavailable)
    return pages


def _package(counter: Counter, collection: Collection, journal: str) -> ResponseReturnValue:
    if collection.user is None:
        raise DepositRefused(Fault.CONTENT, marked("This collection takes deposits by reference, and no packages."))
    now, address = utc_now(), request.remote_addr or ""
    if counter.throttle.waits(address, now):
        return sword_words.failed(429, Fault.BAD_REQUEST, _TOO_MANY, {"Retry-After": "900"})
    if not _is_one_of(collection):
        counter.throttle.failed(address, now)
        asked = {"WWW-Authenticate": 'Basic realm="SWORD", charset="UTF-8"'}
        return sword_words.failed(401, Fault.BAD_REQUEST, marked("User or password is wrong, or was not sent."), asked)
    if machine_lower(request.headers.get("In-Progress", "false")) == "true":
        raise DepositRefused(Fault.BAD_REQUEST, marked("A package is sent whole: In-Progress must be false."))
    packaging = request.headers.get("Packaging", PACKAGINGS[-1])
    if packaging not in PACKAGINGS or request.mimetype not in MEDIA_TYPES:
        raise DepositRefused(
            Fault.CONTENT,
            marked("Packaging must be one of {packagings}, Content-Type one of {types}."),
            packagings=", ".join(PACKAGINGS),
            types=", ".join(MEDIA_TYPES),
        )
    request.max_content_length = collection.feed.max_bytes
    named = parse_options_header(request.headers.get("Content-Disposition"))[1].get("filename")
    digests = digests_in(request.headers.get("Digest"), request.headers.get("Content-MD5"))
    sent = Sent(named, request.stream.read, digests)
    desk = counter.desk
    deposit = take_package(collection, desk.catalogue, desk.home, journal, sent, now)
    found = _standing(counter, collection, journal, deposit)
    return sword_words.deposit_receipt(desk, journal, deposit, found, 201)


def _is_package() -> bool:
    """OJS sends its entries as text/xml, without either header."""
    asked = "Packaging" in request.headers or "Content-Disposition" in request.headers
    return asked or request.mimetype in MEDIA_TYPES or request.mimetype.startswith("multipart/")


def _is_one_of(collection: Collection) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    # Both are compared whatever the first says, so that the time tells nothing.
    user = hmac.compare_digest((given.username or "").encode(), (collection.user or "").encode())
    password = hmac.compare_digest((given.password or "").encode(), (collection.password() or "").encode())
    return user and password and bool(collection.password())


def _standing(counter: Counter, collection: Collection, journal: str, deposit: str) -> Deposit:
    desk = counter.desk
    found = standing(collection, desk.catalogue, journal, deposit, desk.named(), desk.stores)
    if found is None:
        raise DepositRefused(Fault.UNKNOWN, marked("This journal has made no deposit {deposit}."), deposit=deposit)
    return found


def _told(header: str) -> str | None:
    """A header as OJS sends it, or as what stands before it may have made of it."""
    return request.headers.get(header) or request.headers.get(f"X-{header}") or request.args.get(header)
