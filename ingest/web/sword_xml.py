"""The documents of SWORD v2 as the PKP PN plugin of OJS reads them; their order and prefixes are part of that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from ingest.feeds.pln_entry import ATOM, PKP, Entry
from repository.lawful_text import ILLEGAL
from repository.vocabulary import as_utc_text

APP = "http://www.w3.org/2007/app"
TERMS = "http://purl.org/net/sword/terms/"
ERRORS = "http://purl.org/net/sword/error/"
PACKAGES = "http://purl.org/net/sword/package/"
STATE = f"{TERMS}state"
OWN_STATE = "urn:mahfuz:deposit-state"
FINDING = "urn:mahfuz:finding"
PACKAGINGS = tuple(f"{PACKAGES}{name}" for name in ("SimpleZip", "BagIt", "Binary"))


@dataclass(frozen=True, slots=True)
class Service:
    """What the service document says to one journal. ``collection`` is None for one that is not registered."""

    journal: str
    accepting: bool
    message: str
    most_kilobytes: int
    terms: Sequence[str] = ()
    terms_updated: date | None = None
    collection: str | None = None
    packages: Sequence[str] = ()
    """Media types of packages that may be sent whole; empty: deposits come by reference alone."""


@dataclass(frozen=True, slots=True)
class State:
    """One category of a statement."""

    scheme: str
    term: str
    label: str
    text: str
    """Never empty: clients of SWORD read it without asking whether it is there."""


def service(said: Service) -> bytes:
    """The service document (SWORD v2, section 6.1; AtomPub, section 8). Sizes in kB of 1000 bytes."""
    root = etree.Element(f"{{{APP}}}service", nsmap={None: APP, "atom": ATOM, "sword": TERMS, "pkp": PKP})
    _add(root, TERMS, "version", "2.0")
    _add(root, TERMS, "maxUploadSize", str(said.most_kilobytes))
    _add(root, PKP, "uploadChecksumType", "SHA-1")
    _add(root, PKP, "pln_accepting", said.message, is_accepting="Yes" if said.accepting else "No")
    updated = f"{said.terms_updated:%Y-%m-%d} 00:00:00+00:00" if said.terms_updated else ""
    terms = _add(root, PKP, "terms_of_use", updated=updated)
    for number, term in enumerate(said.terms, start=1):
        _add(terms, PKP, f"term_{number}", term, updated=updated)
    workspace = _add(root, APP, "workspace")
    _add(workspace, ATOM, "title", f"Deposits for {said.journal}")
    if said.collection is not None:
        collection = _add(workspace, APP, "collection", href=said.collection)
        _add(collection, ATOM, "title", said.journal)
        for media_type in ("application/atom+xml;type=entry", *said.packages):
            _add(collection, APP, "accept", media_type)
        _add(collection, TERMS, "mediation", "true")
        for packaging in PACKAGINGS if said.packages else ():
            _add(collection, TERMS, "acceptPackaging", packaging)
    return _written(root)


def statement(
    address: str, at: datetime | None, states: Iterable[State], entry: Entry | None, receipt: str | None
) -> bytes:
    """The statement of a deposit as an Atom feed (SWORD v2, section 11).

    The plugin takes the first category for the state of processing and the second for that of the network.
    """
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={"atom": ATOM, "sword": TERMS, "pkp": PKP})
    for state in states:
        _add(root, ATOM, "category", state.text, scheme=state.scheme, term=state.term, label=state.label)
    _add(root, ATOM, "id", address)
    _add(root, ATOM, "title", "Statement")
    if at is not None:
        _add(root, ATOM, "updated", as_utc_text(at))
    _add(root, ATOM, "link", rel="self", href=address)
    if receipt is not None:
        _add(root, ATOM, "link", rel="related", type="text/html", href=receipt)
    deposited = _add(root, ATOM, "entry")
    _add(deposited, ATOM, "category", scheme=TERMS, term=f"{TERMS}originalDeposit", label="Original Deposit")
    if entry is not None:
        content = _add(deposited, ATOM, "content", entry.url.geturl(), type="application/zip")
        for name, value in entry.given.items():
            content.set(name, _lawful(value))
    return _written(root)


def deposit_receipt(edit: str, state: str, at: datetime | None, treatment: str) -> bytes:
    """The receipt of a package that was sent whole (SWORD v2, section 10)."""
    root = etree.Element(f"{{{ATOM}}}entry", nsmap={None: ATOM, "sword": TERMS})
    _add(root, ATOM, "id", edit)
    _add(root, ATOM, "title", "Deposit")
    if at is not None:
        _add(root, ATOM, "updated", as_utc_text(at))
    _add(root, ATOM, "link", rel="edit", href=edit)
    _add(root, ATOM, "link", rel="edit-media", href=edit)
    _add(root, ATOM, "link", rel=f"{TERMS}add", href=edit)
    _add(root, ATOM, "link", rel=f"{TERMS}statement", type="application/atom+xml;type=feed", href=state)
    _add(root, TERMS, "treatment", treatment)
    return _written(root)


def error(kind: str, summary: str, at: datetime) -> bytes:
    """An error document (SWORD v2, section 12); the plugin shows ``summary``, which stands in no prefix."""
    root = etree.Element(f"{{{TERMS}}}error", nsmap={None: ATOM, "sword": TERMS}, href=f"{ERRORS}{kind}")
    _add(root, ATOM, "title", "ERROR")
    _add(root, ATOM, "updated", as_utc_text(at))
    _add(root, ATOM, "summary", summary)
    _add(root, TERMS, "treatment", "processing failed")
    return _written(root)


def _add(parent: etree._Element, namespace: str, name: str, content: str = "", /, **attributes: str) -> etree._Element:
    lawful = {key: _lawful(value) for key, value in attributes.items()}
    node = etree.SubElement(parent, f"{{{namespace}}}{name}", lawful)
    node.text = _lawful(content) or None
    return node


def _lawful(text: str) -> str:
    return ILLEGAL.sub("", text)


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
