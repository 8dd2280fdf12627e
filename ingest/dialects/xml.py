"""Publishers' XML parsed without trust and without loss: no network, no DTD, bounded, and no text silently shorter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from ingest.dialects.entities import CHARACTERS, PREDEFINED, declaration
from ingest.findings import finding
from repository.vocabulary import Finding


@dataclass(frozen=True, slots=True)
class Limits:
    """How much XML is read: ``bytes`` of one file, and ``memory``, in bytes, that it may need when it is parsed.

    Memory is reckoned beforehand, from the bytes and the marks (``<``, ``&`` and ``=``) in them: the text stands in
    it twice, and an element or attribute costs up to 250 bytes whatever its length in the file. The largest real
    article, of 300,000 marks, needs a third of what is allowed.
    """

    bytes: int = 64 << 20
    memory: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Parsed:
    """One XML file: its root element, or None and the findings that say why there is none.

    ``public_id`` is that of its DOCTYPE, white space folded; ``encoding`` as the parser found it.
    """

    root: etree._Element | None
    findings: tuple[Finding, ...] = ()
    encoding: str | None = None
    public_id: str | None = None


_A_MARK = 250
_MOST_NAMES = 20_000
"""So many names of entities at most in one file: all the known sets together have some 3,000."""
_NAME = r"[A-Za-z_:][A-Za-z0-9._:-]*"
# Wider than the grammar of names (XML 1.0, production 5): what is no name is then found by the parser.
_REFERENCE = re.compile(r"&([^\s&;<>#\"'=/]{1,200});")
_REFERENCE_BYTES = re.compile(rb"&([^\s&;<>#\"'=/]{1,200});")
_NOT_DEFINED = re.compile(r"^Entity '([^']+)' not defined")
_DECLARED_UTF16 = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']utf-?16", re.IGNORECASE)
_MISC = re.compile(r"(?:\ufeff|\u00ef\u00bb\u00bf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE(?:[^\"'\[>]|\"[^\"]*\"|'[^']*')*")
_ROOT = re.compile(rf"<({_NAME})")
_UNDECLARED = {"WAR_UNDECLARED_ENTITY", "ERR_UNDECLARED_ENTITY"}
_ENCODING = {"ERR_INVALID_ENCODING", "ERR_UNSUPPORTED_ENCODING", "ERR_UNKNOWN_ENCODING", "I18N_NO_HANDLER"}


def read_xml(data: bytes, path: str, limits: Limits | None = None) -> Parsed:
    """Parse the bytes of one XML file whose name, for the findings, is ``path``.

    The tree is returned only if it is whole. Entities of the known sets, and small ones that the file
    declares itself, stand in it as their text, in attributes too. Namespace prefixes that only the DTD would
    declare are no error: such a tag is then literally ``ce:title`` (compare with :func:`local`). Errors are
    judged by the parser's log, never by its recovered tree.
    """
    limits = limits or Limits()
    if len(data) > limits.bytes:
        return Parsed(None, (finding("XML_TOO_LARGE", path, detail=f"{len(data)} bytes, limit {limits.bytes}"),))
    marks = sum(data.count(mark) for mark in (b"<", b"&", b"="))
    if marks * _A_MARK + 2 * len(data) > limits.memory:
        detail = f"{marks} elements, attributes and references in {len(data)} bytes"
        return Parsed(None, (finding("XML_TOO_LARGE", path, detail=detail),))
    if _DECLARED_UTF16.match(data.removeprefix(b"\xef\xbb\xbf")):
        # The declaration could be read as ASCII, so the file cannot be UTF-16.
        return Parsed(
            None, (finding("XML_ENCODING", path, 1, detail="UTF-16 is declared and the bytes are not UTF-16"),)
        )

    root, log = _parse(data, expand=False)
    forbidden = _external_entities(root)
    if forbidden:
        line = _line_of(data, "<!DOCTYPE")
        return Parsed(None, tuple(finding("XML_FORBIDDEN_ENTITY", path, line, name=name) for name in forbidden))
    references = _references(data)
    if len(references) > _MOST_NAMES:
        return Parsed(None, (finding("XML_TOO_LARGE", path, detail=f"more than {_MOST_NAMES} entities"),))
    if root is not None and (references or _entities(root)):
        missing = references - set(_entities(root))
        known = sorted(missing & CHARACTERS.keys())
        if missing - CHARACTERS.keys():
            # The name may stand in a comment or a CDATA section: only the parser can tell.
            unknown = _undefined(_parse(_declare(data, known), expand=False)[1])
            if unknown:
                found = (finding("XML_UNKNOWN_ENTITY", path, line, name=name) for name, line in unknown.items())
                return Parsed(None, tuple(found))
        del root  # two trees are never held
        root, log = _parse(_declare(data, known), expand=True)
    fatal = next((entry for entry in log if entry.level_name != "WARNING" and entry.domain_name != "NAMESPACE"), None)
    if fatal is not None or root is None:
        return Parsed(None, (_explain(fatal, path),))
    left = next(iter(root.iter(etree.Entity)), None)
    if left is not None:
        return Parsed(None, (finding("XML_UNKNOWN_ENTITY", path, left.sourceline, name=(left.text or "").strip("&;")),))
    docinfo = root.getroottree().docinfo
    public_id = " ".join((docinfo.public_id or "").split()) or None
    return Parsed(root, (), docinfo.encoding, public_id)


def _parse(data: bytes, *, expand: bool) -> tuple[etree._Element | None, list[etree._LogEntry]]:
    # recover: namespace errors must not stop the parse; whether the tree is used is decided by the log, in
    # which libxml2 writes at most 100 entries of each level but always the first fatal one.
    parser = etree.XMLParser(
        resolve_entities="internal" if expand else False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        recover=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        root = None
    return root, list(parser.error_log)


def _entities(root: etree._Element | None) -> dict[str, bool]:
    """The entities that the file declares itself; True for those whose text lies outside the file."""
    dtd = root.getroottree().docinfo.internalDTD if root is not None else None
    if dtd is None:
        return {}
    # An unparsed (NDATA) entity has its notation's name as content, an external one has none.
    return {entity.name or "": bool(entity.system_url) and entity.content is None for entity in dtd.iterentities()}


def _external_entities(root: etree._Element | None) -> list[str]:
    return [name for name, external in _entities(root).items() if external]


def _utf16_codec(data: bytes) -> str | None:
    return {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}.get(data[:2])


def _references(data: bytes) -> set[str]:
    """The names of the entities that are used, or one more of them than there may be."""
    codec = _utf16_codec(data)
    names: set[str] = set()
    found = (
        (match[1] for match in _REFERENCE.finditer(data.decode(codec, "replace")))
        if codec
        else (match[1].decode("utf-8", "replace") for match in _REFERENCE_BYTES.finditer(data))
    )
    for name in found:
        names.add(name)
        if len(names) > _MOST_NAMES + len(PREDEFINED):
            break
    return names - PREDEFINED


def _declare(data: bytes, names: list[str]) -> bytes:
    """The same file with ``names`` declared in its internal DTD subset, without a new line and nothing else changed."""
    if not names:
        return data
    codec = _utf16_codec(data) or "latin-1"
    head = data[: 1 << 20].decode(codec, "ignore")
    subset = "".join(declaration(name) for name in names)
    start = _MISC.match(head)
    place = start.end() if start else 0
    doctype = _DOCTYPE.match(head, place)
    if doctype:
        place = doctype.end()
        inserted = f"[{subset}]" if head[place : place + 1] != "[" else subset
        place += head[place : place + 1] == "["
    else:
        root = _ROOT.match(head, place)
        inserted = f"<!DOCTYPE {root[1]} [{subset}]>" if root else ""
    offset = len(head[:place].encode(codec))
    return data[:offset] + inserted.encode(codec) + data[offset:]


def _undefined(log: list[etree._LogEntry]) -> dict[str, int]:
    """Entity names that stayed undefined, each with the first line that uses it."""
    found: dict[str, int] = {}
    for entry in log:
        match = _NOT_DEFINED.match(entry.message or "") if entry.type_name in _UNDECLARED else None
        if match:
            found.setdefault(match[1], entry.line)
    return found


def _line_of(data: bytes, text: str) -> int | None:
    codec = _utf16_codec(data) or "latin-1"
    before, found, _ = data.decode(codec, "replace").partition(text)
    return before.count("\n") + 1 if found else None


def _explain(entry: etree._LogEntry | None, path: str) -> Finding:
    if entry is None:
        return finding("XML_NOT_WELL_FORMED", path, 1)
    detail = " ".join((entry.message or "").split()).rstrip(".")
    if entry.type_name in _ENCODING:
        code = "XML_ENCODING"
    elif entry.type_name == "ERR_ENTITY_LOOP" or "amplification" in detail:
        return finding("XML_ENTITY_EXPANSION", path, entry.line)
    elif entry.type_name in {"ERR_RESOURCE_LIMIT", "ERR_NAME_TOO_LONG"}:
        # libxml2's own words name options of its caller.
        if "depth" in detail:
            return finding("XML_TOO_DEEP", path, entry.line)
        code, detail = "XML_TOO_LARGE", detail.partition(",")[0]
    elif entry.type_name == "ERR_ENTITY_IS_EXTERNAL":
        return finding("XML_FORBIDDEN_ENTITY", path, entry.line, name=detail.split("'")[1] if "'" in detail else "?")
    else:
        code = "XML_NOT_WELL_FORMED"
    return finding(code, path, entry.line, detail=detail)


def local(node: etree._Element) -> str:
    """The element's name without namespace or prefix; empty for comments and processing instructions."""
    return _local(node.tag) if isinstance(node.tag, str) else ""


@lru_cache(maxsize=4096)
def _local(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


def attribute(node: etree._Element, name: str) -> str | None:
    """The attribute whose local name is ``name`` (``xlink:href`` and De Gruyter's ``xlink.href`` are both ``href``).

    Folded and stripped; None when it is absent or empty.
    """
    for key, value in node.attrib.items():
        if _local(str(key)).removeprefix("xlink.") == name:
            return " ".join(str(value).split()) or None
    return None


def children(node: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """The child elements with one of these local names, in their order; all of them when no name is given."""
    for child in node if node is not None else ():
        name = local(child)
        if name and (not names or name in names):
            yield child


def child(node: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element reached by going down ``path``, one local name a step; None when there is none."""
    for name in path:
        node = next(children(node, name), None)
    return node


def descendants(node: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """Every element below ``node`` with one of these local names, in document order."""
    if node is not None:
        yield from (below for below in node.iterdescendants() if local(below) in names)
