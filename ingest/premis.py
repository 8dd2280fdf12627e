"""PREMIS 3 for one bag: its files with their digests and original names, and what happened to them before sealing.

Nothing here comes from the clock of the run: an event happened on the bag's
Bagging-Date, the day on which the delivery was accepted, so that the same
payload and bag-info give the same bytes, as long as the signatures that tell
formats and viruses are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from ingest.identification import Identification, Identified
from repository.salvage import Salvage
from repository.vocabulary import EventType, PayloadFile, bag_name

NAMESPACE = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_PRONOM = "PRONOM"
_PUID = re.compile(r"[a-z-]{1,20}/\d{1,8}")
_ILLEGAL = re.compile("[^\\t\\n -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""What XML 1.0 may not hold (production 2), and the carriage return, which it would change."""
_LARGEST = 1 << 27
_NOT_IDENTIFIED = Identified()
_EVENT_TYPES = "http://id.loc.gov/vocabulary/preservation/eventType"

PATH = "path in bag"
ENCODED_PATH = "path in bag, percent-encoded"
"""Of a name with characters that no XML may hold: those and ``%`` are written as ``%XX`` octets of UTF-8."""
OCTETS = "name in the delivery, octets in hexadecimal"
"""What the archive or file system really held, where that is not the UTF-8 of the name."""


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One payload file: its path in the bag, the name that the publisher gave it, and what it is.

    ``octets`` are those of the name as it was delivered, hexadecimal; None where they are its UTF-8.
    """

    path: str
    original_name: str
    bytes: int
    sha512: str
    format: Identified | None = None
    octets: str | None = None


def premis_xml(
    article_id: str,
    version: int,
    files: Sequence[DescribedFile],
    day: str,
    agent: str,
    source: str,
    notes: Sequence[str],
    identified: Identification | None = None,
    virus_check: str | None = None,
    elsewhere: Sequence[str] = (),
    salvage: Salvage | None = None,
) -> bytes:
    """The PREMIS document of a bag. ``day`` is ``YYYY-MM-DD``; ``notes`` are the warnings of its validation.

    ``identified`` names who told the files' formats; ``virus_check`` is what a virus scanner said of them,
    None when there is no scanner. ``elsewhere`` are parts of the article in the bag of an earlier version,
    ``{id}-v1/data/x.pdf``, that did not come again with this one (PREMIS 1.13). ``salvage``: the bag was not received
    and judged, but put together from damaged copies of another, which is named as its source.
    """
    root = etree.Element(f"{{{NAMESPACE}}}premis", nsmap={None: NAMESPACE, "xsi": _XSI})
    root.set("version", "3.0")
    name = bag_name(article_id, version)
    entity = _object(root, "intellectualEntity", "local", name)
    relationship = _add(entity, "relationship")
    _add(relationship, "relationshipType", "structural")
    _add(relationship, "relationshipSubType", "has part")
    for file in files:
        related = _add(relationship, "relatedObjectIdentifier")
        kind, value = _written(file.path)
        _add(related, "relatedObjectIdentifierType", kind)
        _add(related, "relatedObjectIdentifierValue", value)
    for path in elsewhere:
        related = _add(relationship, "relatedObjectIdentifier")
        _add(related, "relatedObjectIdentifierType", "path in the bag of an earlier version")
        _add(related, "relatedObjectIdentifierValue", _xml_legal(path))
    if salvage:
        derived = _add(entity, "relationship")
        _add(derived, "relationshipType", "derivation")
        _add(derived, "relationshipSubType", "has source")
        related = _add(derived, "relatedObjectIdentifier")
        _add(related, "relatedObjectIdentifierType", "local")
        _add(related, "relatedObjectIdentifierValue", bag_name(article_id, salvage.version))
    for file in files:
        _file(root, file)
    if salvage:
        _event(root, name, 1, EventType.RECOVERY, day, agent, None, _recovered(article_id, salvage))
    else:
        _event(root, name, 1, EventType.CAPTURE, day, agent, source, f"received from {source}")
        _event(root, name, 2, EventType.VALIDATION, day, agent, None, "; ".join(notes) or "no findings")
    _event(root, name, 3, "message digest calculation", day, agent, None, "SHA-512 of every payload file")
    tool = identified.tool if identified else None
    outcome, told = _identification(files, tool)
    _event(root, name, 4, "format identification", day, tool or agent, None, told, outcome)
    if not salvage:
        scanned = "success" if virus_check else "not performed"
        _event(root, name, 5, "virus check", day, agent, None, virus_check or "no virus scanner is set up", scanned)
    _agent(root, agent, "software")
    _agent(root, source, "organization")
    if identified and tool:
        _agent(root, tool, "software", identified.signatures)
    etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _recovered(article_id: str, salvage: Salvage) -> str:
    """How many files survive of the source, and which do not."""
    kept = len(salvage.pieces) - len(salvage.lost)
    told = f"{kept} of {len(salvage.pieces)} files survive in damaged copies of {bag_name(article_id, salvage.version)}"
    lost = "; ".join(f"data/{one.path} (SHA-512 {one.sha512})" for one in salvage.lost)
    return told + (f"; lost: {lost}" if lost else "")


def format_key(found: Identified) -> str | None:
    """The PRONOM identifier under which a file is told, as :func:`with_formats` reads it from the document again."""
    return found.puid if found.puid and _PUID.fullmatch(found.puid) else None


def with_formats(files: Iterable[PayloadFile], document: bytes) -> tuple[PayloadFile, ...]:
    """The files of a bag with the PRONOM identifiers that its PREMIS ``document`` gives them.

    None for a file that has none there: one that was not identified, or any of a bag written before that was
    done. A document that cannot be read gives none at all: a bag is as good without them.
    """
    known = _formats_in(document)
    return tuple(replace(file, format=known.get(_written(f"data/{file.path}"))) for file in files)


def _formats_in(document: bytes) -> dict[tuple[str, str], str]:
    if len(document) > _LARGEST:
        return {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        return {}
    names = {"p": NAMESPACE}
    found: dict[tuple[str, str], str] = {}
    for element in root.iterfind("p:object", names):
        kind = element.findtext("p:objectIdentifier/p:objectIdentifierType", "", names)
        path = element.findtext("p:objectIdentifier/p:objectIdentifierValue", "", names)
        for registry in element.iterfind("p:objectCharacteristics/p:format/p:formatRegistry", names):
            key = registry.findtext("p:formatRegistryKey", None, names)
            if key and _PUID.fullmatch(key) and registry.findtext("p:formatRegistryName", None, names) == _PRONOM:
                found.setdefault((kind, path), key)
    return found


def _file(root: etree._Element, file: DescribedFile) -> None:
    element = _object(root, "file", *_written(file.path))
    if file.octets is not None:
        identifier = _add(element, "objectIdentifier")
        _add(identifier, "objectIdentifierType", OCTETS)
        _add(identifier, "objectIdentifierValue", file.octets)
    characteristics = _add(element, "objectCharacteristics")
    fixity = _add(characteristics, "fixity")
    _add(fixity, "messageDigestAlgorithm", "SHA-512")
    _add(fixity, "messageDigest", file.sha512)
    _add(characteristics, "size", str(file.bytes))
    _format(_add(characteristics, "format"), file.format or _NOT_IDENTIFIED)
    _add(element, "originalName", _written(file.original_name)[1])


def _format(element: etree._Element, found: Identified) -> None:
    """What the file is: PREMIS 1.5.4, with the PRONOM identifier as the key in its registry."""
    designation = _add(element, "formatDesignation")
    _add(designation, "formatName", _xml_legal(found.name or found.puid or "not identified"))
    if found.version:
        _add(designation, "formatVersion", _xml_legal(found.version))
    if found.puid:
        registry = _add(element, "formatRegistry")
        _add(registry, "formatRegistryName", _PRONOM)
        _add(registry, "formatRegistryKey", found.puid)
        _add(registry, "formatRegistryRole", "specification")
    for note in (found.basis, found.warning, f"also {', '.join(found.others)}" if found.others else None):
        if note:
            _add(element, "formatNote", _xml_legal(note))


def _identification(files: Sequence[DescribedFile], tool: str | None) -> tuple[str, str]:
    """The outcome and the note of the event: how many files are known, and which are not."""
    formats = [(file.path, file.format or _NOT_IDENTIFIED) for file in files]
    if tool is None:
        reasons = {found.warning for _, found in formats if found.warning}
        return "not performed", "; ".join(sorted(reasons)) or "nobody was asked"
    unknown = [path for path, found in formats if found.puid is None]
    known = f"{len(files) - len(unknown)} of {len(files)} files have a PRONOM identifier"
    return "success", known + (f"; not identified: {', '.join(unknown)}" if unknown else "")


def _event(
    root: etree._Element,
    name: str,
    number: int,
    kind: str,
    day: str,
    agent: str,
    source: str | None,
    note: str,
    outcome: str = "success",
) -> None:
    event = _add(root, "event")
    identifier = _add(event, "eventIdentifier")
    _add(identifier, "eventIdentifierType", "local")
    _add(identifier, "eventIdentifierValue", f"{name}/event/{number}")
    element = _add(event, "eventType", str(kind))
    element.set("authority", "eventType")
    element.set("authorityURI", _EVENT_TYPES)
    _add(event, "eventDateTime", day)
    information = _add(event, "eventOutcomeInformation")
    _add(information, "eventOutcome", outcome)
    _add(_add(information, "eventOutcomeDetail"), "eventOutcomeDetailNote", _xml_legal(note))
    for who in filter(None, (agent, source)):
        linking = _add(event, "linkingAgentIdentifier")
        _add(linking, "linkingAgentIdentifierType", "local")
        _add(linking, "linkingAgentIdentifierValue", _xml_legal(who))
    about = _add(event, "linkingObjectIdentifier")
    _add(about, "linkingObjectIdentifierType", "local")
    _add(about, "linkingObjectIdentifierValue", name)


def _agent(root: etree._Element, who: str, kind: str, note: str | None = None) -> None:
    agent = _add(root, "agent")
    identifier = _add(agent, "agentIdentifier")
    _add(identifier, "agentIdentifierType", "local")
    _add(identifier, "agentIdentifierValue", _xml_legal(who))
    _add(agent, "agentName", _xml_legal(who))
    _add(agent, "agentType", kind)
    if note:
        _add(agent, "agentNote", _xml_legal(note))


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


def _written(name: str) -> tuple[str, str]:
    """A name so that it can be read back exactly: as it is, or encoded as its identifier's type then says."""
    if _xml_legal(name) == name:
        return PATH, name
    return ENCODED_PATH, _xml_legal(name.replace("%", "%25"))


def _xml_legal(text: str) -> str:
    """Text may hold what XML 1.0 may not (production 2): such characters are written as ``%XX``."""
    return _ILLEGAL.sub(_in_octets, text)


def _in_octets(letter: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in letter.group().encode("utf-8", "surrogatepass"))
