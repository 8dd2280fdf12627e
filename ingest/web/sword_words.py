"""What is said to those who deposit: each answer of SWORD as a document, its sentences in the asker's language."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Response, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from ingest import attestation
from ingest.deposits import Collection
from ingest.feeds.pln_entry import DepositRefused, Fault
from ingest.standing import Deposit, Own
from ingest.web import sword_xml
from ingest.web.desk import Desk
from ingest.web.sword_xml import FINDING, OWN_STATE, STATE, Service, State
from ingest.web.words import remedy, what
from repository.errors import Doubt, MahfuzError
from repository.texts import marked
from repository.vocabulary import Finding, utc_now
from repository.web import language

log = logging.getLogger(__name__)

MEDIA_TYPES = ("application/zip", "application/x-tar", "application/gzip", "application/octet-stream")
"""Of packages that are sent whole."""

_STATUS = {
    Fault.BAD_REQUEST: 400,
    Fault.CONTENT: 415,
    Fault.CHECKSUM_MISMATCH: 412,
    Fault.TOO_LARGE: 413,
    Fault.UNKNOWN: 404,
}
_MOST_FINDINGS = 20
_RETRY_SECONDS = "60"


def not_registered(desk: Desk, journal: str) -> Response:
    """The service document for a journal of which nothing is known."""
    sentence = marked(
        "This journal is not registered with the archive. Send its identifier {journal} and its address to {email}."
    )
    said = language.gettext(sentence, journal=journal, email=desk.email)
    return _xml(sword_xml.service(Service(journal, False, said, 0)))


def service(desk: Desk, collection: Collection, journal: str, url: str, *, accepting: bool) -> Response:
    """The service document for a journal that is registered; ``accepting`` when it says that it is where we know it."""
    if accepting:
        said = language.gettext(marked("The archive takes deposits from this journal."))
    else:
        sentence = marked(
            "This journal is registered at {place} and says that it is at {url}. Mend base_url in config.inc.php of "
            "OJS, or write to {email}."
        )
        said = language.gettext(sentence, place=collection.feed.place, url=url, email=desk.email)
    address = desk.public(url_for("sword.create", journal=journal))
    return _xml(
        sword_xml.service(
            Service(
                journal,
                accepting,
                said,
                collection.most_kilobytes,
                collection.terms,
                collection.terms_updated,
                address,
                MEDIA_TYPES if collection.user is not None else (),
            )
        )
    )


def stated(desk: Desk, journal: str, deposit: str, found: Deposit, status: int) -> Response:
    """The statement of a deposit; 201 tells where it is from now on."""
    address = desk.public(url_for("sword.statement", journal=journal, deposit=deposit))
    receipt = None
    if found.statement is not None:
        word = attestation.token(desk.secret, found.statement.receipt.delivery_id)
        receipt = desk.public(url_for("ingest.page", word=word))
    document = sword_xml.statement(address, found.at, _states(found), found.entry, receipt)
    return _xml(document, status, {"Location": address} if status == 201 else {})


def deposit_receipt(desk: Desk, journal: str, deposit: str, found: Deposit, status: int) -> Response:
    """The receipt of a deposit; 201 tells where it is from now on."""
    address = desk.public(url_for("sword.edit", journal=journal, deposit=deposit))
    state = desk.public(url_for("sword.statement", journal=journal, deposit=deposit))
    document = sword_xml.deposit_receipt(address, state, found.at, _described(found))
    return _xml(document, status, {"Location": address} if status == 201 else {}, "application/atom+xml;type=entry")


def refused(error: DepositRefused) -> Response:
    """What was wrong with a deposit, and what to do."""
    found = error.finding
    said = _sentences(found) if found else language.gettext(error.sentence, **error.values)
    return _error(_STATUS[error.fault], error.fault, said)


def http_error(error: HTTPException) -> ResponseReturnValue:
    """What was wrong with a request, where the application itself found it."""
    if error.code == 413:
        return failed(413, Fault.TOO_LARGE, marked("The request carries more than is taken here."))
    return failed(error.code or 500, Fault.BAD_REQUEST, marked("The request cannot be read. Send it again."))


def unavailable(error: MahfuzError | OSError) -> Response:
    """Our own trouble: never a 4xx, at which OJS would begin the deposit anew."""
    log.error("a deposit could not be answered: %s", error, exc_info=not isinstance(error, Doubt))
    again = {"Retry-After": _RETRY_SECONDS}
    return failed(503, Fault.BAD_REQUEST, marked("A part of the archive does not answer. Try again later."), again)


def failed(status: int, fault: Fault, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error document that says ``sentence``."""
    return _error(status, fault, language.gettext(sentence), headers)


def _sentences(found: Finding) -> str:
    return f"{what(found).rstrip('.')}. {remedy(found)}"


def _states(found: Deposit) -> list[State]:
    errors = [State(FINDING, each.code, each.path or "", _sentences(each)) for each in found.errors[:_MOST_FINDINGS]]
    said = _described(found)
    return [
        State(STATE, found.processing, "Processing State", said),
        State(STATE, found.network, "PLN State", said),
        State(OWN_STATE, found.own, "Archive State", said),
        *errors,
    ]


def _described(found: Deposit) -> str:
    if found.problem is not None:
        tried = marked("The package could not be fetched; that is tried again: {problem}")
        given_up = marked("The package could not be fetched and is given up; send the deposit again: {problem}")
        return language.gettext(given_up if found.given_up else tried, problem=found.problem)
    if found.statement is None:
        return language.gettext(marked("The deposit was received; its package will be fetched."))
    if found.own in (Own.HARVESTED, Own.VALIDATED):
        return language.gettext(marked("The package is here; it is being checked, and nothing is promised of it yet."))
    lines = found.statement.receipt.articles
    if found.statement.safe:
        sentence = marked("{articles} articles are kept; whole copies of each that were read back: {copies}.")
    else:
        sentence = marked("{kept} of {articles} articles are kept.")
    kept = sum(line.version is not None for line in lines)
    return language.gettext(sentence, kept=kept, articles=len(lines), copies=found.statement.copies)


def _error(status: int, fault: Fault, said: str, headers: Mapping[str, str] | None = None) -> Response:
    return _xml(sword_xml.error(fault, said, utc_now()), status, headers)


def _xml(
    document: bytes, status: int = 200, headers: Mapping[str, str] | None = None, mimetype: str = "text/xml"
) -> Response:
    answer = Response(document, status, headers, content_type=f"{mimetype}; charset=utf-8")
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Content-Language"] = language.current()
    return answer
