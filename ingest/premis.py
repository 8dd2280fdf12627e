"""PREMIS 3 for one bag: its files with their digests and original names, and what happened to them before sealing.

Nothing here comes from the clock of the run: an event happened on the bag's
Bagging-Date, the day on which the delivery was accepted, so that the same
payload and bag-info always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from repository.vocabulary import EventType, bag_name

NAMESPACE = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EVENT_TYPES = "http://id.loc.gov/vocabulary/preservation/eventType"


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One payload file: its path in the bag, the name that the publisher gave it, and what it is."""

    path: str
    original_name: str
    bytes: int
    sha512: str


def premis_xml(
    article_id: str,
    version: int,
    files: Sequence[DescribedFile],
    day: str,
    agent: str,
    source: str,
    notes: Sequence[str],
) -> bytes:
    """The PREMIS document of a bag. ``day`` is ``YYYY-MM-DD``; ``notes`` are the warnings of its validation."""
    root = etree.Element(f"{{{NAMESPACE}}}premis", nsmap={None: NAMESPACE, "xsi": _XSI})
    root.set("version", "3.0")
    name = bag_name(article_id, version)
    entity = _object(root, "intellectualEntity", "local", name)
    relationship = _add(entity, "relationship")
    _add(relationship, "relationshipType", "structural")
    _add(relationship, "relationshipSubType", "has part")
    for file in files:
        related = _add(relationship, "relatedObjectIdentifier")
        _add(related, "relatedObjectIdentifierType", "path in bag")
        _add(related, "relatedObjectIdentifierValue", file.path)
    for file in files:
        _file(root, file)
    _event(root, name, 1, EventType.CAPTURE, day, agent, source, f"received from {source}")
    _event(root, name, 2, EventType.VALIDATION, day, agent, None, "; ".join(notes) or "no findings")
    _event(root, name, 3, "message digest calculation", day, agent, None, "SHA-512 of every payload file")
    _agent(root, agent, "software")
    _agent(root, source, "organization")
    etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _file(root: etree._Element, file: DescribedFile) -> None:
    element = _object(root, "file", "path in bag", file.path)
    characteristics = _add(element, "objectCharacteristics")
    fixity = _add(characteristics, "fixity")
    _add(fixity, "messageDigestAlgorithm", "SHA-512")
    _add(fixity, "messageDigest", file.sha512)
    _add(characteristics, "size", str(file.bytes))
    unknown = _add(_add(characteristics, "format"), "formatDesignation")
    _add(unknown, "formatName", "not identified")
    _add(element, "originalName", _xml_legal(file.original_name))


def _event(
    root: etree._Element, name: str, number: int, kind: str, day: str, agent: str, source: str | None, note: str
) -> None:
    event = _add(root, "event")
    identifier = _add(event, "eventIdentifier")
    _add(identifier, "eventIdentifierType", "local")
    _add(identifier, "eventIdentifierValue", f"{name}/event/{number}")
    element = _add(event, "eventType", str(kind))
    element.set("authority", "eventType")
    element.set("authorityURI", _EVENT_TYPES)
    _add(event, "eventDateTime", day)
    outcome = _add(event, "eventOutcomeInformation")
    _add(outcome, "eventOutcome", "success")
    _add(_add(outcome, "eventOutcomeDetail"), "eventOutcomeDetailNote", _xml_legal(note))
    for who in filter(None, (agent, source)):
        linking = _add(event, "linkingAgentIdentifier")
        _add(linking, "linkingAgentIdentifierType", "local")
        _add(linking, "linkingAgentIdentifierValue", _xml_legal(who))
    about = _add(event, "linkingObjectIdentifier")
    _add(about, "linkingObjectIdentifierType", "local")
    _add(about, "linkingObjectIdentifierValue", name)


def _agent(root: etree._Element, who: str, kind: str) -> None:
    agent = _add(root, "agent")
    identifier = _add(agent, "agentIdentifier")
    _add(identifier, "agentIdentifierType", "local")
    _add(identifier, "agentIdentifierValue", _xml_legal(who))
    _add(agent, "agentName", _xml_legal(who))
    _add(agent, "agentType", kind)


def _object(root: etree._Element, kind: str, identifier_type: str, value: str) -> etree._Element:
    element = _add(root, "object")
    element.set(f"{{{_XSI}}}type", kind)
    identifier = _add(element, "objectIdentifier")
    _add(identifier, "objectIdentifierType", identifier_type)
    _add(identifier, "objectIdentifierValue", _xml_legal(value))
    return element


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _xml_legal(text: str) -> str:
    """Names may hold what XML may not: such characters are written as ``%XX`` (the manifest has the name itself)."""
    return "".join(
        letter
        if letter in "\t\n" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter >= "\U00010000"
        else "".join(f"%{octet:02X}" for octet in letter.encode("utf-8", "surrogateescape"))
        for letter in text
    )
