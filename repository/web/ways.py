"""Where else a reader gets an article that does not open here: signing in, the publisher, the library; best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from repository.access.entitlement import Decision, Reason
from repository.access.readers import Known
from repository.access.told import FOR_EVERYONE
from repository.texts import marked
from repository.vocabulary import ArticleRecord
from repository.web import description

SIGN_IN = marked("Sign in with your institution")
PUBLISHER = marked("Read it at the publisher")
RESOLVER = marked("Find it through your library")
SUPPLY = marked("Ask your library for a copy (document supply)")
CONTACT = marked("Ask your library")

_THERE = frozenset((Reason.AT_PUBLISHER, Reason.NOT_OPEN_YET))
"""Where the publisher is the answer, and not one way among others."""


@dataclass(frozen=True, slots=True)
class Way:
    """What can be done: its name, and its address; ``text`` where a library gave words instead of an address."""

    name: str
    address: str | None
    text: str = ""


def ways(record: ArticleRecord, known: Known, decision: Decision, *, sign_in: str | None) -> list[Way]:
    """What a reader can do who may not open the article; ``sign_in``: where one signs on, None where nobody can."""
    publisher = [Way(PUBLISHER, description.doi_url(record.doi))] if record.doi else []
    found: list[Way] = []
    if decision.allowed or decision.reason_code in FOR_EVERYONE:
        return found
    if decision.reason_code in _THERE:
        found += publisher
    elif known.library is None and sign_in is not None:
        found.append(Way(SIGN_IN, sign_in))
    found += _of_library(record, known)
    return found + [one for one in publisher if one not in found]


def elsewhere(doi: str, known: Known) -> list[Way]:
    """What a reader can do who asked for what is not held: the publisher, and the library where one is known."""
    found = [Way(PUBLISHER, description.doi_url(doi))] if doi else []
    library = known.library
    given = ((SUPPLY, library.supply), (CONTACT, library.contact)) if library else ()
    return found + [_led(name, text) for name, text in given if text]


def _of_library(record: ArticleRecord, known: Known) -> Iterator[Way]:
    library = known.library
    if library is None:
        return
    for name, given in ((SUPPLY, library.supply), (RESOLVER, library.resolver), (CONTACT, library.contact)):
        if given:
            yield _led(name, _asked(given, record) if name == RESOLVER else given)


def _led(name: str, given: str) -> Way:
    if given.startswith(("https://", "http://")):
        return Way(name, given)
    if "@" in given and not set(given) & set(" :<>?&"):
        return Way(name, "mailto:" + quote(given, safe="@.+-_"), given)
    return Way(name, None, given)


def _asked(resolver: str, record: ArticleRecord) -> str:
    """The library's own link resolver asked for this article (Z39.88-2004 KEV)."""
    said = {
        "url_ver": "Z39.88-2004",
        "rft_val_fmt": "info:ofi/fmt:kev:mtx:journal",
        "rft.genre": "article",
        "rft_id": f"info:doi/{record.doi}" if record.doi else None,
        "rft.issn": record.issn_print or record.issn_l,
        "rft.eissn": record.issn_electronic,
        "rft.jtitle": record.journal_title,
        "rft.atitle": record.title,
        "rft.date": record.issue_date,
        "rft.volume": record.volume,
        "rft.issue": record.issue,
        "rft.spage": record.first_page or record.elocation,
    }
    asked = urlencode({name: value for name, value in said.items() if value})
    return resolver + ("&" if "?" in resolver else "?") + asked
